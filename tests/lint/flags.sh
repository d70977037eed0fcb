#!/usr/bin/env bash
# flags.sh FILE: lines of flags to check FILE with, one for each way in which
# it is compiled.  Sourced by the scripts beside it: sets `ways`.

# What a file of core/ukernels is compiled for on this machine; a header of
# an instruction set needs the flags of that one.
flags_of() # FILE
{
    local common="${LINT_FLAGS} -DRNND_VERSION=\"0\" -Wno-unknown-pragmas"
    local isa isas='scalar avx2 avx512'
    local -A by_isa=(
        [scalar]='' [neon]=''
        [avx2]='-mavx2 -mfma'
        [avx512]='-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma'
    )

    common+=" $(pkg-config --cflags hdf5-serial 2>/dev/null)"
    [ "$(uname -m)" = x86_64 ] || isas=scalar
    ways=()
    case $1 in
    core/ukernels/vec_neon.h)
        [ "$(uname -m)" != aarch64 ] || isas=neon
        [ "$(uname -m)" = aarch64 ] || return 0
        ;;
    core/ukernels/vec_avx*.h)
        [ "$(uname -m)" = x86_64 ] || return 0
        isas=${1#*vec_} isas=${isas%.h}
        ;;
    core/ukernels/f32_*.c) ;;
    core/ukernels/*.h) isas=scalar ;;
    *)
        ways=("$common")
        return 0
        ;;
    esac
    for isa in $isas; do
        ways+=("$common ${by_isa[$isa]} -DRNN_ISA=$isa
            -DRNN_VEC_HEADER=\"core/ukernels/vec_$isa.h\"")
    done
}
