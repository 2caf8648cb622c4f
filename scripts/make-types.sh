#!/usr/bin/env bash
# make-types.sh QUANTIZE SOURCE.gguf FOLDER/PREFIX [TYPE…]: one model in many tensor types, for bench/side_by_side.py.
# QUANTIZE is a llama-quantize. Files are FOLDER/PREFIX-TYPE.gguf; those that are there stay. They are made from a file that is
# quantized already, so they are for speed, not for quality. A K type has blocks of 256: rows of another length (those of a model
# of width 896) get the type that llama-quantize falls back to; `lupo inspect FILE` counts what is in a file.
set -euo pipefail

if [ $# -lt 3 ]; then
  printf 'usage: make-types.sh QUANTIZE SOURCE.gguf FOLDER/PREFIX [TYPE…]\n' >&2
  exit 2
fi
quantize=$1 source=$2 prefix=$3
shift 3
types=("$@")
[ $# -gt 0 ] || types=(F16 Q8_0 Q6_K Q5_K_S Q4_K_S Q3_K_S Q2_K Q5_0 Q4_1 Q4_0 IQ4_NL IQ4_XS MXFP4)

mkdir -p "$(dirname "$prefix")"
for type in "${types[@]}"; do
  file=$prefix-$type.gguf
  [ ! -f "$file" ] || continue
  options=(--allow-requantize --pure) name=$type
  # As a type of a whole file MXFP4 is for experts; every matrix has to be named.
  [ "$type" != MXFP4 ] || options=(--allow-requantize --tensor-type 'weight=mxfp4' --token-embedding-type mxfp4) name=MXFP4_MOE
  if ! "$quantize" "${options[@]}" "$source" "$file.part" "$name" >"$prefix-$type.log" 2>&1; then
    printf 'error: %s failed for %s:\n' "$quantize" "$type" >&2
    tail -n 5 "$prefix-$type.log" >&2
    exit 1
  fi
  mv "$file.part" "$file"
  rm "$prefix-$type.log"
  printf '%s\n' "$file"
done
