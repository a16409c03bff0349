// Package keys has a client's authorization keys: how one is exchanged, how a temporary key is bound to the permanent one and
// succeeded by the next, when a permanent key that is denied is given up, and how a key is destroyed. Whoever uses it
// brings the connections and keeps the permanent keys; temporary keys are kept in the Ring, in memory alone (B29).
package keys
