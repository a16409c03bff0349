//go:build !purego

#include "textflag.h"

// A block of IGE is out = E(in ^ prevOut) ^ prevIn. Written with round keys, E(x) is last(rounds(x ^ k0)) ^ k14, so what the
// rounds of the next block begin with is
//
//	last(rounds) ^ (k14 ^ prevIn ^ nextIn ^ k0)
//
// The part in brackets depends on no result and is the operand of AESENCLAST: from block to block the only chain is that of
// the 14 AES instructions. The block's output is taken off beside it. Decryption is the same with the inverse instructions.

// MIX is one half of a key expansion step: words of R are summed up from the left, and X2's are added.
#define MIX(R) \
	MOVO R, X3;    \
	PSLLO $4, X3;  \
	PXOR X3, R;    \
	PSLLO $4, X3;  \
	PXOR X3, R;    \
	PSLLO $4, X3;  \
	PXOR X3, R;    \
	PXOR X2, R

#define EVEN(RCON, AT) \
	AESKEYGENASSIST $RCON, X1, X2; \
	PSHUFD $0xff, X2, X2;          \
	MIX(X0);                       \
	MOVOU X0, AT(AX)

#define ODD(AT) \
	AESKEYGENASSIST $0, X0, X2; \
	PSHUFD $0xaa, X2, X2;       \
	MIX(X1);                    \
	MOVOU X1, AT(AX)

// func expandKey(s *schedule, key *[32]byte)
TEXT ·expandKey(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), AX
	MOVQ key+8(FP), BX
	MOVOU (BX), X0
	MOVOU 16(BX), X1
	MOVOU X0, (AX)
	MOVOU X1, 16(AX)
	EVEN(1, 32)
	ODD(48)
	EVEN(2, 64)
	ODD(80)
	EVEN(4, 96)
	ODD(112)
	EVEN(8, 128)
	ODD(144)
	EVEN(16, 160)
	ODD(176)
	EVEN(32, 192)
	ODD(208)
	EVEN(64, 224)
	RET

#define SWAP(A, B) \
	MOVOU A(AX), X0; \
	MOVOU B(AX), X1; \
	AESIMC X0, X0;   \
	AESIMC X1, X1;   \
	MOVOU X1, A(AX); \
	MOVOU X0, B(AX)

// func invertKeys(s *schedule)
TEXT ·invertKeys(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), AX
	MOVOU (AX), X0
	MOVOU 224(AX), X1
	MOVOU X1, (AX)
	MOVOU X0, 224(AX)
	SWAP(16, 208)
	SWAP(32, 192)
	SWAP(48, 176)
	SWAP(64, 160)
	SWAP(80, 144)
	SWAP(96, 128)
	MOVOU 112(AX), X0
	AESIMC X0, X0
	MOVOU X0, 112(AX)
	RET

// CHAIN is the loop. AX has the schedule, DI dst, SI src, CX the blocks that are left, DX prevOut, BX prevIn;
// X0 to X10 are keys 1 to 11, X11 the state, X12 prevIn, X13 in, X14 the operand of the last round, X15 keys 12 and 13.
#define CHAIN(ROUND, LAST) \
	MOVOU 16(AX), X0;        \
	MOVOU 32(AX), X1;        \
	MOVOU 48(AX), X2;        \
	MOVOU 64(AX), X3;        \
	MOVOU 80(AX), X4;        \
	MOVOU 96(AX), X5;        \
	MOVOU 112(AX), X6;       \
	MOVOU 128(AX), X7;       \
	MOVOU 144(AX), X8;       \
	MOVOU 160(AX), X9;       \
	MOVOU 176(AX), X10;      \
	MOVOU (DX), X11;         \
	MOVOU (BX), X12;         \
	MOVOU (SI), X13;         \
	MOVOU (AX), X15;         \
	PXOR X13, X11;           \
	PXOR X15, X11;           \
loop:                        \
	MOVOU 240(AX), X14;      \
	PXOR X12, X14;           \
	MOVO X13, X12;           \
	PXOR X13, X13;           \
	ADDQ $16, SI;            \
	DECQ CX;                 \
	JZ final;                \
	MOVOU (SI), X13;         \
final:                       \
	PXOR X13, X14;           \
	ROUND X0, X11;           \
	ROUND X1, X11;           \
	ROUND X2, X11;           \
	ROUND X3, X11;           \
	ROUND X4, X11;           \
	ROUND X5, X11;           \
	ROUND X6, X11;           \
	ROUND X7, X11;           \
	ROUND X8, X11;           \
	ROUND X9, X11;           \
	ROUND X10, X11;          \
	MOVOU 192(AX), X15;      \
	ROUND X15, X11;          \
	MOVOU 208(AX), X15;      \
	ROUND X15, X11;          \
	LAST X14, X11;           \
	MOVOU (AX), X15;         \
	PXOR X13, X15;           \
	PXOR X11, X15;           \
	MOVOU X15, (DI);         \
	ADDQ $16, DI;            \
	TESTQ CX, CX;            \
	JNZ loop;                \
	RET

// func encryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)
TEXT ·encryptChain(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ prevOut+32(FP), DX
	MOVQ prevIn+40(FP), BX
	CHAIN(AESENC, AESENCLAST)

// func decryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)
TEXT ·decryptChain(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ prevOut+32(FP), DX
	MOVQ prevIn+40(FP), BX
	CHAIN(AESDEC, AESDECLAST)
