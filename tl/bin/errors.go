package bin

import "fmt"

// ShortError says that the input ended inside a value.
type ShortError struct{ Offset, Want, Have int }

func (e *ShortError) Error() string {
	return fmt.Sprintf("tl: at byte %d: want %d bytes, have %d", e.Offset, e.Want, e.Have)
}

// TrailingError says that bytes follow a complete value.
type TrailingError struct{ Offset, Left int }

func (e *TrailingError) Error() string {
	return fmt.Sprintf("tl: %d bytes left over at byte %d", e.Left, e.Offset)
}

// FormatError says that bytes break a rule of the wire format.
type FormatError struct {
	Offset int
	What   string
}

func (e *FormatError) Error() string { return fmt.Sprintf("tl: at byte %d: %s", e.Offset, e.What) }

// UnexpectedIDError carries a constructor id that does not belong where it stands (H8). Want names what does.
type UnexpectedIDError struct {
	Offset int
	ID     uint32
	Want   string
}

func (e *UnexpectedIDError) Error() string {
	return fmt.Sprintf("tl: at byte %d: constructor %08x, want %s", e.Offset, e.ID, e.Want)
}

// TooLongError says that a string or bytes value is longer than [MaxBytes].
type TooLongError struct{ Len int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("tl: value of %d bytes, TL carries at most %d", e.Len, MaxBytes)
}
