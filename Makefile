# Makefile: the only build file; `make help` lists what it can do.
#
# Every flavour has a folder of its own (build/release, build/asan, ...), so
# that flavours never clean each other.  SAN=asan|tsan|fuzz picks one;
# CROSS=aarch64 builds for ARM with the sysroot in build/sysroot-arm64.

SAN     ?=
CROSS   ?=
FLAVOUR := $(or $(CROSS),$(SAN),release)
BUILD   := build/$(FLAVOUR)
VERSION := 0.1.0
PREFIX  ?= /usr/local

# ---- how things are compiled ----------------------------------------------
CPPFLAGS += -I. -D_GNU_SOURCE -DRNND_VERSION='"$(VERSION)"' -MMD -MP
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wswitch-enum
CFLAGS   ?= -O3 -g
STANDARD := -std=c11 -ffp-contract=off -fPIC -fno-math-errno

SAN_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
            -fno-sanitize-recover=undefined
SAN_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
SAN_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined
SAN_valgrind := -O1 -g
SAN_FLAGS := $(SAN_$(SAN))
ifeq ($(SAN),fuzz)
CC := clang
endif
ifneq ($(SAN_FLAGS),)
CFLAGS := $(SAN_FLAGS)
endif

PKG_CONFIG ?= pkg-config
MACHINE := $(shell uname -m)
ifeq ($(CROSS),aarch64)
SYSROOT := build/sysroot-arm64
MACHINE := aarch64
CC      := aarch64-linux-gnu-gcc --sysroot=$(CURDIR)/$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(CURDIR)/$(SYSROOT) \
              PKG_CONFIG_LIBDIR=$(CURDIR)/$(SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig:$(CURDIR)/$(SYSROOT)/usr/share/pkgconfig pkg-config
endif

# Each ukernel source is compiled once for each instruction set.
ifeq ($(MACHINE),x86_64)
ISAS := scalar avx2 avx512
else ifeq ($(MACHINE),aarch64)
ISAS := scalar neon
else
ISAS := scalar
endif
ISA_avx2   := -mavx2 -mfma
ISA_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma \
              -mprefer-vector-width=512

# ---- what there is ----------------------------------------------------------
UKERNEL_SRC := $(wildcard core/ukernels/f32_*.c)
CORE_SRC    := $(wildcard core/*.c core/format/*.c core/layers/*.c) \
               $(filter-out $(UKERNEL_SRC),$(wildcard core/ukernels/*.c))
IMPORT_SRC  := $(filter-out core/import/main.c,$(wildcard core/import/*.c))
CONFIG_SRC  := $(wildcard config/*.c)
SERVER_SRC  := $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
SUPPORT_SRC := $(wildcard tests/support/*.c)

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
UKERNEL_OBJ := $(foreach isa,$(ISAS),$(patsubst %.c,$(BUILD)/%.$(isa).o,$(UKERNEL_SRC)))
CORE_OBJ    := $(call objects,$(CORE_SRC)) $(UKERNEL_OBJ)

CORE_LIBS    = $(shell $(PKG_CONFIG) --libs libcjson nettle) -lm
IMPORT_LIBS  = $(shell $(PKG_CONFIG) --libs hdf5-serial libzip libseccomp)
SERVER_LIBS  = $(shell $(PKG_CONFIG) --libs libmicrohttpd inih) -lpthread
TEST_LIBS    = $(shell $(PKG_CONFIG) --libs cmocka libcurl) -lpthread
HDF5_FLAGS   = $(shell $(PKG_CONFIG) --cflags hdf5-serial)

UNIT_SRC  := $(shell find tests/unit tests/golden -name 'test_*.c' 2>/dev/null)
HTTP_SRC  := $(wildcard tests/http/test_*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(wildcard tests/bench/bench_*.c)
UNIT_BIN  := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
HTTP_BIN  := $(patsubst %.c,$(BUILD)/%,$(HTTP_SRC))
FUZZ_BIN  := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SRC))
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC))

LIBRNN    := $(BUILD)/librnn.a
LIBIMPORT := $(BUILD)/libimport.a
LIBSERVER := $(BUILD)/libserver.a
LIBTEST   := $(BUILD)/libtest.a

.PHONY: all help
.DEFAULT_GOAL := all
all: $(BUILD)/rnnd $(BUILD)/rnn-import $(BUILD)/librnn.so ## build rnnd, rnn-import and librnn

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s'|'

# ---- rules ------------------------------------------------------------------
COMPILE = @mkdir -p $(@D); $(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(CFLAGS)

define ukernel_rule
$(BUILD)/%.$(1).o: %.c
	$$(COMPILE) $(ISA_$(1)) -DRNN_ISA=$(1) -DRNN_VEC_HEADER='"core/ukernels/vec_$(1).h"' -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call ukernel_rule,$(isa))))

$(BUILD)/core/import/%.o: core/import/%.c
	$(COMPILE) $(HDF5_FLAGS) -c $< -o $@
$(BUILD)/%.o: %.c
	$(COMPILE) -c $< -o $@

$(LIBRNN): $(CORE_OBJ)
$(LIBIMPORT): $(call objects,$(IMPORT_SRC))
$(LIBSERVER): $(call objects,$(SERVER_SRC) $(CONFIG_SRC))
$(LIBTEST): $(call objects,$(SUPPORT_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D); rm -f $@; $(AR) rcs $@ $^

$(BUILD)/librnn.so: $(CORE_OBJ)
	$(CC) $(CFLAGS) -shared -Wl,-soname,librnn.so.0 -o $@ $^ $(CORE_LIBS)

$(BUILD)/rnnd: $(BUILD)/server/main.o $(LIBSERVER) $(LIBRNN)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS) $(CORE_LIBS)

$(BUILD)/rnn-import: $(BUILD)/core/import/main.o $(LIBIMPORT) $(LIBRNN)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(IMPORT_LIBS) $(CORE_LIBS)

# A test links what its folder may see.
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(LIBTEST) $(LIBIMPORT) $(LIBSERVER) $(LIBRNN)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBTEST) $(LIBIMPORT) $(LIBSERVER) $(LIBRNN) $(IMPORT_LIBS) $(SERVER_LIBS) $(CORE_LIBS) $(TEST_LIBS)

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBTEST) $(LIBIMPORT) $(LIBSERVER) $(LIBRNN)
	$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(LIBTEST) $(LIBIMPORT) $(LIBSERVER) $(LIBRNN) $(IMPORT_LIBS) $(SERVER_LIBS) $(CORE_LIBS) $(TEST_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
