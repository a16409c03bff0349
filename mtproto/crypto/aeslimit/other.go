//go:build !(amd64 || arm64) || purego

package aeslimit

// Chain does nothing where there are no such instructions.
func Chain(int) {}
