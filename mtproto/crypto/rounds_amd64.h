// SHA-256 by the processor's instructions. X1 has a, b, e and f of the state, X2 c, d, g and h, each from the highest word down; X3 to
// X6 are the last 16 words of the schedule, X10 is bigEndian; R8 points to roundConstants. X0 is what two rounds add, X7 is free.

// WORDS makes the next four words of the schedule, in place of the oldest four, A.
#define WORDS(A, B, C, D) \
	SHA256MSG1 B, A;  \
	MOVO D, X7;       \
	PALIGNR $4, C, X7; \
	PADDD X7, A;      \
	SHA256MSG2 D, A

// QUAD is four rounds. Two leave a, b, e, f where c, d, g, h were, and the next two bring them back.
#define QUAD(AT, W) \
	MOVOU AT(R8), X0;        \
	PADDD W, X0;             \
	SHA256RNDS2 X0, X1, X2;  \
	PSHUFD $0x0e, X0, X0;    \
	SHA256RNDS2 X0, X2, X1

#define READ(AT, W) \
	MOVOU AT(R9), W; \
	PSHUFB X10, W

// BEGIN16 is the first 16 of a block's rounds, NEXT16 each 16 that follow.
#define BEGIN16 \
	READ(0, X3);  \
	QUAD(0, X3);  \
	READ(16, X4); \
	QUAD(16, X4); \
	READ(32, X5); \
	QUAD(32, X5); \
	READ(48, X6); \
	QUAD(48, X6)

#define NEXT16(AT) \
	WORDS(X3, X4, X5, X6); \
	QUAD(AT, X3);          \
	WORDS(X4, X5, X6, X3); \
	QUAD(AT+16, X4);       \
	WORDS(X5, X6, X3, X4); \
	QUAD(AT+32, X5);       \
	WORDS(X6, X3, X4, X5); \
	QUAD(AT+48, X6)

// ADD ends a block: R10 points to the state before it.
#define ADD \
	MOVOU (R10), X7;   \
	PADDD X7, X1;      \
	MOVOU X1, (R10);   \
	MOVOU 16(R10), X7; \
	PADDD X7, X2;      \
	MOVOU X2, 16(R10)

// The same for two messages at once: the instructions of each fill the time that the other's wait. The second message has X8 and X9 for
// its state and X11 to X14 for its schedule, R11 points to its block and R12 to its state; X15 is free as well.
#define WORDS2(A, B, C, D, E, F, G, H) \
	SHA256MSG1 B, A;   \
	SHA256MSG1 F, E;   \
	MOVO D, X7;        \
	MOVO H, X15;       \
	PALIGNR $4, C, X7; \
	PALIGNR $4, G, X15; \
	PADDD X7, A;       \
	PADDD X15, E;      \
	SHA256MSG2 D, A;   \
	SHA256MSG2 H, E

#define QUAD2(AT, W, V) \
	MOVOU AT(R8), X7;       \
	MOVO X7, X0;            \
	PADDD W, X0;            \
	PADDD V, X7;            \
	SHA256RNDS2 X0, X1, X2; \
	PSHUFD $0x0e, X0, X15;  \
	MOVO X7, X0;            \
	SHA256RNDS2 X0, X8, X9; \
	PSHUFD $0x0e, X7, X7;   \
	MOVO X15, X0;           \
	SHA256RNDS2 X0, X2, X1; \
	MOVO X7, X0;            \
	SHA256RNDS2 X0, X9, X8

#define READ2(AT, W, V) \
	READ(AT, W);      \
	MOVOU AT(R11), V; \
	PSHUFB X10, V

#define BEGIN16X2 \
	READ2(0, X3, X11);  \
	QUAD2(0, X3, X11);  \
	READ2(16, X4, X12); \
	QUAD2(16, X4, X12); \
	READ2(32, X5, X13); \
	QUAD2(32, X5, X13); \
	READ2(48, X6, X14); \
	QUAD2(48, X6, X14)

#define NEXT16X2(AT) \
	WORDS2(X3, X4, X5, X6, X11, X12, X13, X14); \
	QUAD2(AT, X3, X11);                         \
	WORDS2(X4, X5, X6, X3, X12, X13, X14, X11); \
	QUAD2(AT+16, X4, X12);                      \
	WORDS2(X5, X6, X3, X4, X13, X14, X11, X12); \
	QUAD2(AT+32, X5, X13);                      \
	WORDS2(X6, X3, X4, X5, X14, X11, X12, X13); \
	QUAD2(AT+48, X6, X14)

#define ADD2 \
	ADD;               \
	MOVOU (R12), X7;   \
	PADDD X7, X8;      \
	MOVOU X8, (R12);   \
	MOVOU 16(R12), X7; \
	PADDD X7, X9;      \
	MOVOU X9, 16(R12)
