//go:build !purego

#include "textflag.h"
#include "rounds_amd64.h"

// Both AES-IGE and SHA-256 are chains of instructions that wait for each other: a processor does little else meanwhile. Here the
// two run side by side, four blocks of AES with one of SHA-256, which is of what was decrypted just before.

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT without
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $29, BX
	ANDL $1, BX
	MOVB BX, ret+0(FP)
	RET
without:
	MOVB $0, ret+0(FP)
	RET

// func sumBlocks(state *sumState, p *byte, n int)
TEXT ·sumBlocks(SB), NOSPLIT, $0-24
	MOVQ state+0(FP), R10
	MOVQ p+8(FP), R9
	MOVQ n+16(FP), CX
	LEAQ ·roundConstants(SB), R8
	MOVOU ·bigEndian(SB), X10
	MOVOU (R10), X1
	MOVOU 16(R10), X2
loop:
	BEGIN16
	NEXT16(64)
	NEXT16(128)
	NEXT16(192)
	ADD
	ADDQ $64, R9
	DECQ CX
	JNZ loop
	RET

#define ROUND(AT) \
	MOVOU AT(AX), X8; \
	AESDEC X8, X11

// BLOCK decrypts a block, which is not the last: see CHAIN. X11 is the state, X12 prevIn, X13 in, X14 the operand of the last round.
#define BLOCK(AT) \
	MOVOU 240(AX), X14;   \
	PXOR X12, X14;        \
	MOVO X13, X12;        \
	MOVOU AT+16(SI), X13; \
	PXOR X13, X14;        \
	ROUND(16);            \
	ROUND(32);            \
	ROUND(48);            \
	ROUND(64);            \
	ROUND(80);            \
	ROUND(96);            \
	ROUND(112);           \
	ROUND(128);           \
	ROUND(144);           \
	ROUND(160);           \
	ROUND(176);           \
	ROUND(192);           \
	ROUND(208);           \
	AESDECLAST X14, X11;  \
	MOVOU (AX), X15;      \
	PXOR X13, X15;        \
	PXOR X11, X15;        \
	MOVOU X15, AT(DI)

// func decryptSum(s *schedule, state *sumState, dst, src *byte, n int, prevOut, prevIn *[16]byte)
TEXT ·decryptSum(SB), NOSPLIT, $0-56
	MOVQ s+0(FP), AX
	MOVQ state+8(FP), R10
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ n+32(FP), CX
	MOVQ prevOut+40(FP), DX
	MOVQ prevIn+48(FP), BX
	LEAQ ·roundConstants(SB), R8
	LEAQ -64(DI), R9
	MOVOU ·bigEndian(SB), X10
	MOVOU (R10), X1
	MOVOU 16(R10), X2
	MOVOU (DX), X11
	MOVOU (BX), X12
	MOVOU (SI), X13
	MOVOU (AX), X15
	PXOR X13, X11
	PXOR X15, X11
loop:
	BLOCK(0)
	BEGIN16
	BLOCK(16)
	NEXT16(64)
	BLOCK(32)
	NEXT16(128)
	BLOCK(48)
	NEXT16(192)
	ADD
	ADDQ $64, R9
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ loop
	MOVOU X15, (DX)
	MOVOU X12, (BX)
	RET
