//go:build !purego

package crypto

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// Darwin does not tell of what all its arm64 processors have.
var fastIGE = cpu.ARM64.HasAES || runtime.GOOS == "darwin" || runtime.GOOS == "ios"
