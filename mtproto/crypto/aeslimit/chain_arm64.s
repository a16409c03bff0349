//go:build !purego

#include "textflag.h"

#define ROUND \
	AESE V0.B16, V1.B16; \
	AESMC V1.B16, V1.B16

// func Chain(n int)
TEXT ·Chain(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
loop:
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	ROUND
	AESE V0.B16, V1.B16
	SUB $1, R0, R0
	CBNZ R0, loop
	RET
