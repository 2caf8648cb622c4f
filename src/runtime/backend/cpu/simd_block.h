// Small vectors for blocks of 32 integer codes, one definition per instruction set. Parsed after the target pragma of isa/*.cpp.
//
//   Codes, Codes64   32 and 64 bytes: codes of weights, or activations
//   I32x16           16 sums of products; lane i holds codes 4 i … 4 i + 3
//   F32x8, F32x16    floats: a value for each group of 256 weights, or sums
//   IntLanes, FloatLanes   kLanes values, the widest of the instruction set: one lane for each row of a panel
//
//   field(c, s, m)            (byte >> s) & m of each byte
//   fields(p, s, t, m)        the same of 32 bytes twice, with shift s and shift t; a negative shift goes left. The mask must
//                             keep no bit that comes from another byte
//   or_fields(c, p, s, t, m)  c | fields(p, s, t, m)
//   nibbles_of_two(a, b)      of 16 bytes each: low nibbles of a, high of a, low of b, high of b
//   add_where(c, a, b, v)     adds v to code i where bit i of a (first 32 codes) or b is set and c has no bit of v
//   lookup(t, c)              t[code], codes 0…15
//   load_8_from(p, n)         p[n … 7], with zeros in the lanes before
//   from_u8(x), from_i8(p)    eight or sixteen bytes as floats; exponents(x) as the powers 2^(byte − 127)
//   strided_halves<s, a>(p)   the halves at byte a of eight blocks of s bytes from p; reads nothing behind them
//   twice(x)                  lanes 0 0 1 1 2 2 …
//   spread(groups, p)         the values of the groups of codes 64 p … 64 p + 63, each in the lanes that dot() sums them in
//   store_transposed          of 8 rows: 4-byte group or float i of row r to column r of line i
//
// A code c of a weight is kept raw: c + T::kOffset, 0…127; types with a wider range are `kWide`: two's complement, offset 0.
#pragma once

#include <cstdint>

#if defined(LUPO_ISA_X86)
#include "runtime/backend/cpu/simd_block_x86.h"
#elif defined(LUPO_ISA_NEON)
#include "runtime/backend/cpu/simd_block_neon.h"
#else
#include "runtime/backend/cpu/simd_block_scalar.h"
#endif
