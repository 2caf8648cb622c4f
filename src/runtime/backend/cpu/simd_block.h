// Small vectors for blocks of 32 integer codes, one definition per instruction set. Parsed after the target pragma of isa/*.cpp.
//
//   Codes, Codes64   32 and 64 bytes: codes of weights
//   Codes128         of four blocks: the first 16 codes of each in `low`, the last 16 in `high`, as nibbles lie in them
//   I32x16           16 sums of products; lane i holds codes 4 i … 4 i + 3 (of both parts of a Codes128)
//   F32x8, F32x16    floats: a value for each group of 256 weights, or sums
//   IntLanes, FloatLanes   kLanes values, the widest of the instruction set: one lane for each row of a panel
//
//   field(c, s, m)            (byte >> s) & m of each byte
//   fields(p, s, t, m)        the same of 32 bytes twice, with shift s and shift t; a negative shift goes left. The mask must
//                             keep no bit that comes from another byte
//   or_fields(c, p, s, t, m)  c | fields(p, s, t, m)
//   nibbles_of_two(a, b)      of 16 bytes each: low nibbles of a, high of a, low of b, high of b
//   nibbles_of_four<s>(p)     Codes128 of the 16 bytes at p, p + s, p + 2 s and p + 3 s
//   add_where(c, a, b, v)     adds v to code i where bit i of a (first 32 codes) or b is set and c has no bit of v
//   negate_where(c, bits)     −code i where bit i is set
//   words(w)                  the bytes of eight 64-bit words
//   lookup(t, c)              t[code], codes 0…15
//   dot(c, h, l)              the sums of products with 64 activations of the digits h and l, 256 · h + l; dot_quad: with 128
//   from_u8(x), from_i8(p)    eight or sixteen bytes as floats; exponents(x) as the powers 2^(byte − 127)
//   strided_halves<s, a, b>(p)  of eight blocks of s bytes from p: the halves at byte a, then those at byte b; reads nothing
//                             behind the blocks
//   two_halves(p)             the half at p eight times, then the one behind it eight times
//   join(x, y)                the lanes of x, then those of y
//   twice(x)                  lanes 0 0 1 1 2 2 …
//   spread_32(groups, p)      of groups of 32: groups 2 p and 2 p + 1, each in the lanes that dot() sums its codes in
//   spread_16(groups, p)      of groups of 16: groups 4 p … 4 p + 3, likewise; of blocks of 32 for dot_quad()
//   sum(x, y, f)              Σ x + f · Σ y; sum_high: with the high half of y alone
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
