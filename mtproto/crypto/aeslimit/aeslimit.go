//go:build (amd64 || arm64) && !purego

// Package aeslimit is what benchmarks of AES-IGE are held against: the instructions of AES-256 alone, one block after the other,
// without any memory. No mode that chains its blocks can be faster.
package aeslimit

// Chain runs the 14 rounds of n blocks, at least one, each on the result of the one before.
//
//go:noescape
func Chain(n int)
