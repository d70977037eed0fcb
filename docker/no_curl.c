/* no_curl.c: the importer without libcurl.
 *
 * Debian's HDF5 has a driver that reads from Amazon's S3.  Linked from its
 * archive it wants these names, though nobody here ever asks for that driver;
 * with libcurl would come fifteen more libraries, 12 MB of them, into a
 * process that must not reach a network.  A call ends the program. */
#include <stdlib.h>

#define NEVER(name)                                                           \
    void name(void);                                                          \
    void name(void)                                                           \
    {                                                                         \
        abort();                                                              \
    }

NEVER(curl_easy_cleanup)
NEVER(curl_easy_init)
NEVER(curl_easy_perform)
NEVER(curl_easy_setopt)
NEVER(curl_global_cleanup)
NEVER(curl_global_init)
NEVER(curl_slist_append)
NEVER(curl_slist_free_all)
