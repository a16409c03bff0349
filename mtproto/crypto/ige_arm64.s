//go:build !purego

#include "textflag.h"

// AESE adds a round key first, so the last key stands alone: E(x) is AESE(rounds, k13) ^ k14, and the next block begins with
// AESE of that ^ prevIn ^ nextIn and k0. All that is known before is brought together into one key,
//
//	k0 ^ k14 ^ prevIn ^ nextIn
//
// so that from block to block the only chain is that of AESE and AESMC. The block's output is taken off beside it. Decryption is
// the same with the inverse instructions.

#define NEXT \
	MOVWU -32(R0), R4; \
	EORW R4, R3, R3;   \
	MOVW R3, (R0);     \
	ADD $4, R0, R0

// SUB4 puts the four bytes of R3 through the S-box: with four equal columns, to shift the rows changes nothing.
#define SUB4 \
	VDUP R3, V3.S4;        \
	AESE V2.B16, V3.B16;   \
	VMOV V3.S[0], R3

// func expandKey(s *schedule, key *[32]byte)
TEXT ·expandKey(SB), NOSPLIT, $0-16
	MOVD s+0(FP), R0
	MOVD key+8(FP), R1
	VLD1 (R1), [V0.B16, V1.B16]
	VST1 [V0.B16, V1.B16], (R0)
	VEOR V2.B16, V2.B16, V2.B16
	ADD $32, R0, R0
	MOVD $1, R5
	MOVD $7, R6
	MOVWU -4(R0), R3
expand:
	SUB4
	RORW $8, R3, R3
	EORW R5, R3, R3
	LSLW $1, R5, R5
	NEXT
	NEXT
	NEXT
	NEXT
	SUB $1, R6, R6
	CBZ R6, expanded
	SUB4
	NEXT
	NEXT
	NEXT
	NEXT
	B expand
expanded:
	RET

// func invertKeys(s *schedule)
TEXT ·invertKeys(SB), NOSPLIT, $0-8
	MOVD s+0(FP), R0
	ADD $224, R0, R1
	MOVD $8, R2
	VLD1 (R0), [V0.B16]
	VLD1 (R1), [V1.B16]
	B swap
invert:
	VLD1 (R0), [V0.B16]
	VLD1 (R1), [V1.B16]
	AESIMC V0.B16, V0.B16
	AESIMC V1.B16, V1.B16
swap:
	VST1.P [V1.B16], 16(R0)
	VST1 [V0.B16], (R1)
	SUB $16, R1, R1
	SUB $1, R2, R2
	CBNZ R2, invert
	RET

#define PAIR(ROUND, MIX, K) \
	ROUND K.B16, V20.B16; \
	MIX V20.B16, V20.B16

// CHAIN is the loop. R0 has the schedule, R1 dst, R2 src, R3 the blocks that are left, R4 prevOut, R5 prevIn; V1 to V14 are keys 1
// to 14, V15 what joins two blocks, V20 the state, V21 prevIn, V22 in, V23 the first key of the block.
#define CHAIN(ROUND, MIX) \
	VLD1 (R4), [V20.B16];                         \
	VLD1 (R5), [V21.B16];                         \
	VLD1.P 16(R2), [V22.B16];                     \
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16];    \
	VLD1.P 64(R0), [V4.B16, V5.B16, V6.B16, V7.B16];    \
	VLD1.P 64(R0), [V8.B16, V9.B16, V10.B16, V11.B16];  \
	VLD1 (R0), [V12.B16, V13.B16, V14.B16, V15.B16];    \
	VEOR V0.B16, V22.B16, V23.B16;                \
loop:                                             \
	PAIR(ROUND, MIX, V23);                        \
	VEOR V24.B16, V24.B16, V24.B16;               \
	SUB $1, R3, R3;                               \
	CBZ R3, final;                                \
	VLD1.P 16(R2), [V24.B16];                     \
final:                                            \
	PAIR(ROUND, MIX, V1);                         \
	PAIR(ROUND, MIX, V2);                         \
	PAIR(ROUND, MIX, V3);                         \
	PAIR(ROUND, MIX, V4);                         \
	PAIR(ROUND, MIX, V5);                         \
	PAIR(ROUND, MIX, V6);                         \
	PAIR(ROUND, MIX, V7);                         \
	PAIR(ROUND, MIX, V8);                         \
	PAIR(ROUND, MIX, V9);                         \
	PAIR(ROUND, MIX, V10);                        \
	PAIR(ROUND, MIX, V11);                        \
	PAIR(ROUND, MIX, V12);                        \
	ROUND V13.B16, V20.B16;                       \
	VEOR V21.B16, V14.B16, V25.B16;               \
	VEOR V20.B16, V25.B16, V25.B16;               \
	VST1.P [V25.B16], 16(R1);                     \
	VEOR V21.B16, V15.B16, V23.B16;               \
	VEOR V24.B16, V23.B16, V23.B16;               \
	VMOV V22.B16, V21.B16;                        \
	VMOV V24.B16, V22.B16;                        \
	CBNZ R3, loop;                                \
	RET

// func encryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)
TEXT ·encryptChain(SB), NOSPLIT, $0-48
	MOVD s+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD src+16(FP), R2
	MOVD n+24(FP), R3
	MOVD prevOut+32(FP), R4
	MOVD prevIn+40(FP), R5
	CHAIN(AESE, AESMC)

// func decryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)
TEXT ·decryptChain(SB), NOSPLIT, $0-48
	MOVD s+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD src+16(FP), R2
	MOVD n+24(FP), R3
	MOVD prevOut+32(FP), R4
	MOVD prevIn+40(FP), R5
	CHAIN(AESD, AESIMC)
