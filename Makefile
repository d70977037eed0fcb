# Makefile: the only build file; `make help` lists what it can do.
#
# Every flavour has a folder of its own (build/release, build/asan, ...), so
# that flavours never clean each other.  SAN=asan|tsan|valgrind|fuzz picks
# one; CROSS=aarch64 builds for ARM with the sysroot in build/sysroot-arm64.

SAN     ?=
CROSS   ?=
FLAVOUR := $(or $(CROSS),$(SAN),release)
BUILD   := build/$(FLAVOUR)
VERSION := 0.1.0
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)

# ---- how things are compiled ------------------------------------------------
CPPFLAGS += -I. -D_GNU_SOURCE -DRNND_VERSION='"$(VERSION)"'
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wswitch-enum
CFLAGS   ?= -O3 -g
STANDARD := -std=c11 -ffp-contract=off -fPIC -fno-math-errno

SAN_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
            -fno-sanitize-recover=undefined
SAN_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
SAN_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
            -fno-sanitize-recover=undefined
SAN_valgrind := -O1 -g
ifneq ($(SAN_$(SAN)),)
CFLAGS := $(SAN_$(SAN))
endif
ifeq ($(SAN),fuzz)
CC := clang
endif

PKG_CONFIG ?= pkg-config
MACHINE := $(shell uname -m)
SYSROOT := build/sysroot-arm64
ifeq ($(CROSS),aarch64)
ARM_LIB := $(CURDIR)/$(SYSROOT)/usr/lib/aarch64-linux-gnu
MACHINE := aarch64
CC      := aarch64-linux-gnu-gcc --sysroot=$(CURDIR)/$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(CURDIR)/$(SYSROOT) \
              PKG_CONFIG_LIBDIR=$(ARM_LIB)/pkgconfig pkg-config
endif

# gcc clears and copies some hundred bytes by `rep stos` and `rep movs`, which
# take longer to begin than that many stores, or a call of memcpy().
ifeq ($(MACHINE)$(findstring clang,$(CC)),x86_64)
STRUCTS := -mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign \
           -mmemcpy-strategy=libcall:-1:noalign
endif

# Each ukernel source is compiled once for each instruction set.
ISAS_x86_64  := scalar avx2 avx512
ISAS_aarch64 := scalar neon
ISAS := $(or $(ISAS_$(MACHINE)),scalar)
# Less code where it is not what a request waits for: without AVX2 and NEON a
# multiply-add is a call of the C library, and -Os costs 2 to 18 % beside it.
SMALLER    := $(if $(filter -O3,$(CFLAGS)),-O2)
SMALLEST   := $(if $(SMALLER),-Os)
ISA_scalar := $(SMALLEST)
ISA_avx2   := -mavx2 -mfma
# Functions begin with a line of the cache, so that what stands before them in
# the program does not decide how fast their loops are: GRU (64) 2.5 %.
ISA_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma \
              -mprefer-vector-width=512 -falign-functions=64
# Their debug information costs more time than their code; and no fuzz target
# is after them.
# gcc would copy a tile's sums by `rep movs`, which costs more than a short sum,
# and write a tile's loop twice, which pushes its sums out of the registers.
UKERNEL_FLAGS := -g1 $(if $(filter fuzz,$(SAN)),-fno-sanitize=all) \
    $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns \
      -fno-version-loops-for-strides)

# ---- what there is ----------------------------------------------------------
UKERNEL_SRC := $(wildcard core/ukernels/f32_*.c)
CORE_SRC    := $(wildcard core/*.c core/format/*.c core/layers/*.c) \
               $(filter-out $(UKERNEL_SRC),$(wildcard core/ukernels/*.c))
IMPORT_SRC  := $(filter-out core/import/main.c,$(wildcard core/import/*.c))
CONFIG_SRC  := $(wildcard config/*.c)
SERVER_SRC  := $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
SUPPORT_SRC := $(wildcard tests/support/*.c)

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
programs = $(patsubst %.c,$(BUILD)/%,$(1))
UKERNEL_OBJ := $(foreach isa,$(ISAS),\
                 $(patsubst %.c,$(BUILD)/%.$(isa).o,$(UKERNEL_SRC)))
CORE_OBJ    := $(call objects,$(CORE_SRC)) $(UKERNEL_OBJ)

CORE_LIBS    = $(shell $(PKG_CONFIG) --libs libcjson nettle) -lm
IMPORT_LIBS  = $(shell $(PKG_CONFIG) --libs hdf5-serial libzip libseccomp)
SERVER_LIBS  = $(shell $(PKG_CONFIG) --libs libmicrohttpd inih sqlite3 \
                 hiredis gnutls) \
               -lpthread
TEST_LIBS    = $(shell $(PKG_CONFIG) --libs cmocka libcurl) -lpthread
HDF5_FLAGS   = $(shell $(PKG_CONFIG) --cflags hdf5-serial)

UNIT_SRC  := $(shell find tests/unit tests/golden -name 'test_*.c' \
               2>/dev/null)
HTTP_SRC  := $(wildcard tests/http/test_*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
UNIT_BIN  := $(call programs,$(UNIT_SRC))
HTTP_BIN  := $(call programs,$(HTTP_SRC))
FUZZ_BIN  := $(call programs,$(FUZZ_SRC))
BENCH_BIN := $(call programs,$(wildcard tests/bench/bench_*.c))
PEER_BIN  := $(addprefix $(BUILD)/tests/bench/peer_,onednn \
                simdjson.so simdjson_document.so yyjson.so)
TURN_BIN  := $(call programs,$(wildcard tests/bench/*_http.c))
CRASH_BIN := $(call programs,$(wildcard tests/crash/*.c))
REPLAY_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%,\
                $(FUZZ_SRC))
C_FILES   := $(wildcard $(addsuffix /*.[ch],config core core/* server \
               server/* tests/* tests/*/* tests/*/*/*))

LIBRNN    := $(BUILD)/librnn.a
LIBIMPORT := $(BUILD)/libimport.a
LIBSERVER := $(BUILD)/libserver.a
LIBTEST   := $(BUILD)/libtest.a
PROGRAMS  := $(BUILD)/rnnd $(BUILD)/rnn-import

.PHONY: all help run test unit http asan tsan valgrind check lint format \
        bench bench-report crash instructions fuzz conformance container golden examples \
        arm cpus install \
        clean
.DEFAULT_GOAL := all

all: $(PROGRAMS) $(BUILD)/librnn.so ## build rnnd, rnn-import, librnn

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# ---- to serve ---------------------------------------------------------------
MODEL  ?= examples/seed.keras
LISTEN ?= 127.0.0.1:8080

run: ## install what is missing, build, serve MODEL=examples/seed.keras
	@.ci/deps.sh run
	@$(MAKE) -j$(JOBS) --no-print-directory all
	@echo "try: curl http://$(LISTEN)/predict -d @examples/seed.json"
	@exec $(BUILD)/rnnd --listen $(LISTEN) $(MODEL)

install: all ## install into PREFIX=/usr/local (DESTDIR is honoured)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib \
	    $(DESTDIR)$(PREFIX)/include/rnn/core $(DESTDIR)$(PREFIX)/share/rnnd
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/librnn.so $(DESTDIR)$(PREFIX)/lib/librnn.so.0
	ln -sf librnn.so.0 $(DESTDIR)$(PREFIX)/lib/librnn.so
	install -m 644 $(LIBRNN) $(DESTDIR)$(PREFIX)/lib
	install -m 644 $(wildcard core/*.h) \
	    $(DESTDIR)$(PREFIX)/include/rnn/core
	install -m 644 config/rnnd.conf $(DESTDIR)$(PREFIX)/share/rnnd

# ---- to test ----------------------------------------------------------------
# tests/run.sh prints one line for each program and ends with a count.
# The checkers look at each step rather than at many (tests/support/effort.h).
RUN = $(if $(SAN),RNND_TEST_QUICK=1) RNND_TEST_BUILD=$(BUILD) tests/run.sh
SUITES = $(UNIT_BIN) $(REPLAY_BIN) -j1 $(HTTP_BIN)
AGAIN  = @$(MAKE) -j$(JOBS) --no-print-directory

test: ## install what is missing, build, run unit and HTTP tests (SAN=...)
	@.ci/deps.sh run test
	$(AGAIN) $(PROGRAMS) $(UNIT_BIN) $(REPLAY_BIN) $(HTTP_BIN)
	@$(RUN) -j$(JOBS) $(SUITES)

# valgrind works out some AVX2 instructions with other bits, and has memory of
# its own: what compares bits of activations or counts memory is not for it.
ifeq ($(SAN),valgrind)
NOT_HERE := %/test_activate %/test_golden_bits %/test_session_store_size
endif

# Tests of loading start the importer of their own flavour.
$(UNIT_BIN): | $(BUILD)/rnn-import
# One of them the daemon as well.
$(BUILD)/tests/unit/server/test_model_origin: | $(BUILD)/rnnd
unit: $(UNIT_BIN) $(REPLAY_BIN) ## unit tests and fuzz corpora only
	@$(foreach t,$(filter $(NOT_HERE),$^),echo "not under $(SAN): $(t)";)
	@$(RUN) -j$(JOBS) $(filter-out $(NOT_HERE),$^)
http: $(PROGRAMS) $(HTTP_BIN) ## HTTP tests only
	@$(RUN) $(HTTP_BIN)

asan: ## unit and HTTP tests under AddressSanitizer and UBSan
	$(AGAIN) test SAN=asan
tsan: ## unit and HTTP tests under ThreadSanitizer
	$(AGAIN) test SAN=tsan
valgrind: ## unit tests under valgrind
	@.ci/deps.sh run test check
	$(AGAIN) unit SAN=valgrind WRAPPER="valgrind -q --error-exitcode=9 \
	    --leak-check=full --child-silent-after-fork=yes"

COUNTED := $(BUILD)/tests/instructions/count_instructions
instructions: ## count the instructions of a predict and a parse
	@.ci/deps.sh run test check
	$(AGAIN) $(COUNTED)
	@CC="$(CC)" tests/instructions/run.sh $(COUNTED)

check: lint test asan tsan valgrind fuzz instructions ## all that a change must pass
check: T = 20

lint: ## formatters, static checkers and the laws of the house
	@.ci/deps.sh run test check
	@LINT_FLAGS="-I. -D_GNU_SOURCE $(STANDARD) $(WARNINGS)" JOBS=$(JOBS) \
	    tests/lint/run.sh
format: ## clang-format on every C file
	@clang-format -i $(C_FILES)

T ?= 60
fuzz: ## fuzz each target for T=60 seconds
	@.ci/deps.sh run test fuzz
	$(AGAIN) fuzz-targets SAN=fuzz
	@tests/fuzz/run.sh $(T) build/fuzz
fuzz-targets: $(FUZZ_BIN)

# ---- longer things ----------------------------------------------------------
# B=name picks a part, QUICK=1 takes minutes, MINUTES=n bounds the time, RESUME=1
# keeps the parts that are done; peers that cannot be built are left out.
bench: ## measure beside peers (B=name, QUICK=1, MINUTES=45, RESUME=1)
	@.ci/deps.sh run test bench
	@$(MAKE) -j$(JOBS) -s --no-print-directory $(PROGRAMS) $(BENCH_BIN) \
	    $(TURN_BIN)
	-@tests/conformance/venv.sh build/venv-bench tests/bench/requirements.txt
	-@$(MAKE) -ks --no-print-directory $(PEER_BIN)
	@tests/bench/bench.py --build $(BUILD) $(addprefix --part ,$(B)) \
	    $(if $(QUICK),--quick) $(if $(RESUME),--resume) \
	    $(addprefix --minutes ,$(MINUTES))
bench-report: ## BENCHMARKS.md and its pictures from what was measured
	@tests/bench/report.py
N ?= 200
# Tests that know nothing of stores must not see a difference (test_sessions
# would: it measures idle times that a busy disk makes longer).
KEPT := $(filter %/test_exactly_once %/test_session_turns \
          %/test_session_modes %/test_predict_session \
          %/test_lost_replies,$(HTTP_BIN))
crash: ## kill -9 N=200 times for each durability; N faults of Redis and replicas
	@.ci/deps.sh run test
	$(AGAIN) $(PROGRAMS) $(CRASH_BIN) $(KEPT)
	@state=$$(mktemp -d); trap 'rm -rf "$$state"' EXIT; \
	for durability in step fsync async; do \
	    echo "the tests of sessions with durability = $$durability:"; \
	    RNND_TEST_PROGRAM=tests/with_store.sh RNND_TEST_STATE=$$state \
	    RNND_DURABILITY=$$durability $(RUN) $(KEPT) || exit 1; done
	@echo "the tests of sessions with store = redis:"; \
	    RNND_TEST_BUILD=$(BUILD) RNND_TEST_PROGRAM=tests/with_store.sh \
	    tests/redis_server.sh tests/run.sh $(KEPT)
	@for crash in $(CRASH_BIN); do \
	    RNND_TEST_ROUNDS=$(N) RNND_TEST_BUILD=$(BUILD) $$crash || exit 1; \
	    done
conformance: ## N=200 random models against a live Keras (GENERATION=k2 ...)
	@.ci/deps.sh run test conformance
	$(AGAIN) $(PROGRAMS)
	@tests/conformance/run.sh $(N) $(GENERATION)
golden: ## make the golden vectors again with Keras
	@.ci/deps.sh conformance
	@tests/golden/make.sh
examples: ## train and write the examples again with Keras
	@.ci/deps.sh conformance
	@examples/make.sh
container: ## build the images, run one, speak to it
	@.ci/deps.sh run test container
	$(AGAIN) $(PROGRAMS) $(HTTP_BIN)
	@docker/container.sh $(HTTP_BIN)
arm: ## cross build for aarch64; unit tests of engine and JSON under qemu
	@.ci/deps.sh run arm
	@.ci/sysroot.sh $(SYSROOT)
	$(AGAIN) CROSS=aarch64 arm-tests
# qemu's user mode has neither seccomp nor Landlock: what asks for the
# sandbox runs on a machine.
NOT_UNDER_QEMU := %/core/import/test_sandbox %/core/import/test_main
arm-tests: all $(filter $(addprefix $(BUILD)/tests/unit/,core/% server/json/%),\
             $(UNIT_BIN))
	@WRAPPER="qemu-aarch64-static -L $(SYSROOT)" $(RUN) -j$(JOBS) \
	    $(filter-out %.a $(NOT_UNDER_QEMU),$(filter $(BUILD)/tests/%,$^))
cpus: $(UNIT_BIN) ## the ukernels' tests on the CPU models of qemu
	@.ci/deps.sh arm
	@JOBS=$(JOBS) tests/cpus.sh $(filter $(BUILD)/tests/unit/core/ukernels/%,$(UNIT_BIN))

clean: ## remove what was compiled; sysroots, venvs and images stay
	rm -rf $(addprefix build/,release asan tsan valgrind fuzz aarch64 lint)

# ---- rules ------------------------------------------------------------------
ifeq ($(CROSS),aarch64)
# gcc 12 fails there in its vectorizer of loops (tests/unit/core/test_infer.c).
$(BUILD)/tests/%.o: CFLAGS += -fno-tree-loop-vectorize
endif
COMPILE = @mkdir -p $(@D); $(CC) $(CPPFLAGS) -MMD -MP $(STANDARD) \
          $(WARNINGS) $(CFLAGS)
LINK    = @mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS)

define ukernel_rule
$(BUILD)/%.$(1).o: %.c
	$$(COMPILE) $(ISA_$(1)) $(UKERNEL_FLAGS) -DRNN_ISA=$(1) \
	    -DRNN_VEC_HEADER='"core/ukernels/vec_$(1).h"' -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call ukernel_rule,$(isa))))

$(addprefix $(BUILD)/,$(addsuffix %.o,config/ core/format/ server/move/) \
    core/sniff.o $(patsubst %,server/%.o,import_child log metrics_text \
    problem startup summary json/state_safetensors routes/models)): \
  COMPILE += $(SMALLEST)
$(addprefix $(BUILD)/,$(addsuffix %.o,server/store/ \
    $(addprefix core/layers/,mask_ merge_ op_ plain_ plan_))) \
  $(patsubst %,$(BUILD)/core/layers/%.o,dot logical mask plan rearrange \
    subscripts) $(patsubst %,$(BUILD)/server/%.o,session_list session_share \
    routes/predict_place): \
  COMPILE += $(SMALLER)
$(BUILD)/core/import/%.o: COMPILE += $(HDF5_FLAGS)
$(BUILD)/tests/%.o: COMPILE += $(HDF5_FLAGS)
$(BUILD)/%.o: %.c
	$(COMPILE) $(STRUCTS) -c $< -o $@
$(BUILD)/server/store/redis_script.o: server/store/redis_script.lua

# An archive is made anew when one of its members, or their list, has changed.
define archive
$(1): $(2) $(1).list
$(1).list: MEMBERS := $(2)
endef
$(eval $(call archive,$(LIBRNN),$(CORE_OBJ)))
$(eval $(call archive,$(LIBIMPORT),$(call objects,$(IMPORT_SRC))))
$(eval $(call archive,$(LIBSERVER),\
         $(call objects,$(SERVER_SRC) $(CONFIG_SRC))))
$(eval $(call archive,$(LIBTEST),$(call objects,$(SUPPORT_SRC))))
$(BUILD)/%.a:
	@rm -f $@; $(AR) rcs $@ $(filter %.o,$^)
$(BUILD)/%.a.list: FORCE
	@mkdir -p $(@D)
	@echo '$(MEMBERS)' | cmp -s - $@ || echo '$(MEMBERS)' >$@
FORCE:

$(BUILD)/librnn.so: $(CORE_OBJ)
	$(LINK) -shared -Wl,-soname,librnn.so.0 -o $@ $^ $(CORE_LIBS)
$(BUILD)/rnnd: $(BUILD)/server/main.o $(LIBSERVER) $(LIBRNN)
	$(LINK) -o $@ $^ $(SERVER_LIBS) $(CORE_LIBS)
$(BUILD)/rnn-import: $(BUILD)/core/import/main.o $(LIBIMPORT) $(LIBRNN)
	$(LINK) -o $@ $^ $(IMPORT_LIBS) $(CORE_LIBS)

# How librnn is used alone (core/README.md); a test runs it.
$(BUILD)/examples/librnn: $(BUILD)/examples/librnn.o $(LIBRNN)
	$(LINK) -o $@ $^ $(CORE_LIBS)
$(BUILD)/tests/unit/examples/test_librnn: | $(BUILD)/examples/librnn

# A test may see everything; its allocations pass tests/support/fail_malloc.c.
ARCHIVES  := $(LIBTEST) $(LIBIMPORT) $(LIBSERVER) $(LIBRNN)
TEST_LINK  = -Wl,--start-group $(ARCHIVES) -Wl,--end-group \
             $(IMPORT_LIBS) $(SERVER_LIBS) $(CORE_LIBS) $(TEST_LIBS)
WRAP := $(foreach f,malloc calloc realloc reallocarray posix_memalign \
          aligned_alloc strdup strndup free,-Wl,--wrap=$(f))

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(LINK) -fsanitize=fuzzer -o $@ $< $(TEST_LINK)
$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o \
                              $(BUILD)/tests/fuzz/replay.o $(ARCHIVES)
	$(LINK) $(WRAP) -o $@ $< $(BUILD)/tests/fuzz/replay.o $(TEST_LINK)
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(ARCHIVES)
	$(LINK) $(WRAP) -o $@ $< $(TEST_LINK)

# Peers of the benchmarks: none is linked with anything of ours.
PEER = @mkdir -p $(@D)
$(BUILD)/tests/bench/peer_onednn: tests/bench/peer_onednn.c tests/bench/worker.h
	$(PEER); $(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) -O2 -o $@ $< -ldnnl
$(BUILD)/tests/bench/mhd_http: HTTP_LIBS = $(shell $(PKG_CONFIG) --libs \
    libmicrohttpd) -lpthread
$(BUILD)/tests/bench/%_http: tests/bench/%_http.c tests/bench/http_peer.h
	$(PEER); $(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) -O2 -o $@ $< \
	    $(HTTP_LIBS)
$(BUILD)/tests/bench/peer_simdjson_document.so: PEER_FLAGS := -DJSON_PEER_DOCUMENT
$(BUILD)/tests/bench/peer_simdjson%so: tests/bench/peer_simdjson.cpp
	$(PEER); $(CXX) $(CPPFLAGS) $(PEER_FLAGS) -std=c++17 -O3 -march=native \
	    -fPIC -shared -o $@ $< -lsimdjson
# yyjson's source comes in its Python package.
YYJSON = $(firstword $(wildcard build/venv-bench/lib/python3*/site-packages/yyjson))
$(BUILD)/tests/bench/peer_yyjson.so: tests/bench/peer_yyjson.c
	$(PEER); $(CC) $(CPPFLAGS) -I$(YYJSON) -std=c11 -O3 -fPIC -shared -o $@ \
	    $< $(YYJSON)/yyjson.c

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PRECIOUS: $(BUILD)/%.o
