package answer

import "context"

type reading struct{}

// Reading is for a request of somebody who may only read: what is counted for all callers he does not use up.
func Reading(ctx context.Context) context.Context { return context.WithValue(ctx, reading{}, true) }

// OnlyReads reports whether a request is such a one.
func OnlyReads(ctx context.Context) bool { return ctx.Value(reading{}) != nil }
