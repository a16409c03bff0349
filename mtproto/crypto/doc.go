// Package crypto is the cryptography of MTProto 2.0: keys, encrypted messages, RSA with MTProto's own padding,
// Diffie-Hellman checks, factorisation, and the SRP of two-step verification. Numbers in comments (B7, C3 ...) name the
// items of the MTProto checklist that a rule comes from.
//
// Nothing here reads a clock or a source of randomness of its own: random bytes come from the caller's io.Reader. All
// functions may be called concurrently. Nothing that fails says more about a secret than that it failed.
package crypto
