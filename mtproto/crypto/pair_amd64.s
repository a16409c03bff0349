//go:build !purego

#include "textflag.h"
#include "rounds_amd64.h"

// func sumPair(a, b *sumState, p, q *byte, n int)
TEXT ·sumPair(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), R10
	MOVQ b+8(FP), R12
	MOVQ p+16(FP), R9
	MOVQ q+24(FP), R11
	MOVQ n+32(FP), CX
	LEAQ ·roundConstants(SB), R8
	MOVOU ·bigEndian(SB), X10
	MOVOU (R10), X1
	MOVOU 16(R10), X2
	MOVOU (R12), X8
	MOVOU 16(R12), X9
loop:
	BEGIN16X2
	NEXT16X2(64)
	NEXT16X2(128)
	NEXT16X2(192)
	ADD2
	ADDQ $64, R9
	ADDQ $64, R11
	DECQ CX
	JNZ loop
	RET

#define ROUND(AT) \
	MOVOU AT(AX), X8;  \
	MOVOU AT(R8), X9;  \
	AESENC X8, X11;    \
	AESENC X9, X1

// func encryptPair(s, t *schedule, dst, src, dst2, src2 *byte, n int, iv, iv2 *[32]byte)
//
// Two chains side by side: see CHAIN. X11, X12, X13, X14 are of the first, X1, X2, X3, X4 of the second. Each block is n of those that are
// not the last.
TEXT ·encryptPair(SB), NOSPLIT, $0-72
	MOVQ s+0(FP), AX
	MOVQ t+8(FP), R8
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ dst2+32(FP), R10
	MOVQ src2+40(FP), R9
	MOVQ n+48(FP), CX
	MOVQ iv+56(FP), DX
	MOVQ iv2+64(FP), BX
	MOVOU (DX), X11
	MOVOU 16(DX), X12
	MOVOU (SI), X13
	MOVOU (AX), X15
	PXOR X13, X11
	PXOR X15, X11
	MOVOU (BX), X1
	MOVOU 16(BX), X2
	MOVOU (R9), X3
	MOVOU (R8), X5
	PXOR X3, X1
	PXOR X5, X1
loop:
	MOVOU 240(AX), X14
	MOVOU 240(R8), X4
	PXOR X12, X14
	PXOR X2, X4
	MOVO X13, X12
	MOVO X3, X2
	MOVOU 16(SI), X13
	MOVOU 16(R9), X3
	PXOR X13, X14
	PXOR X3, X4
	ROUND(16)
	ROUND(32)
	ROUND(48)
	ROUND(64)
	ROUND(80)
	ROUND(96)
	ROUND(112)
	ROUND(128)
	ROUND(144)
	ROUND(160)
	ROUND(176)
	ROUND(192)
	ROUND(208)
	AESENCLAST X14, X11
	AESENCLAST X4, X1
	MOVOU (AX), X15
	MOVOU (R8), X5
	PXOR X13, X15
	PXOR X3, X5
	PXOR X11, X15
	PXOR X1, X5
	MOVOU X15, (DI)
	MOVOU X5, (R10)
	ADDQ $16, SI
	ADDQ $16, DI
	ADDQ $16, R9
	ADDQ $16, R10
	DECQ CX
	JNZ loop
	MOVOU X15, (DX)
	MOVOU X12, 16(DX)
	MOVOU X5, (BX)
	MOVOU X2, 16(BX)
	RET
