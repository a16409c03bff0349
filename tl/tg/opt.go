package tg

// Opt is a value that may be absent. The zero Opt is.
type Opt[T any] struct {
	V  T // the zero value when absent
	Ok bool
}

// Some is an Opt that is present.
func Some[T any](v T) Opt[T] { return Opt[T]{v, true} }

// Get returns the value, and whether there is one.
func (o Opt[T]) Get() (T, bool) { return o.V, o.Ok }

// Or returns the value, or the alternative when it is absent.
func (o Opt[T]) Or(alternative T) T {
	if o.Ok {
		return o.V
	}
	return alternative
}
