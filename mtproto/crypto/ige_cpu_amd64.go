//go:build !purego

package crypto

import "golang.org/x/sys/cpu"

var fastIGE = cpu.X86.HasAES && cpu.X86.HasSSE2
