// Package files moves files to and from Telegram, over the sessions that [mtproto.Client] keeps for them: parts in
// parallel, what is missing again, CDNs where Telegram sends us there, every hash checked before the bytes are used.
//
//	f := files.New(client)
//	up, err := f.Upload(ctx, "picture.jpg", file, size)
//	err = up.Use(ctx, func(in codec.M) error { ... messages.sendMedia with in as its InputFile ... })
//	n, err := f.Download(ctx, files.Source{Location: location, DC: 4, Size: size}, file)
//
// It reads and writes the API by name, in the layer of the client's schema. Numbers in comments (D11, D14 ...) name the
// items of the MTProto checklist that a rule comes from.
package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// Client is what a [mtproto.Client] does for files.
type Client interface {
	Schema() *codec.Schema
	Invoke(ctx context.Context, query []byte) ([]byte, error)
	InvokeFile(ctx context.Context, dc int, t mtproto.Traffic, query []byte) ([]byte, error)
	InvokeCDN(ctx context.Context, dc int, query []byte) ([]byte, error)
}

// Files moves files for one account. Any number of goroutines may use it.
type Files struct {
	c Client
	s *codec.Schema

	// Parallel is how many parts of one file are under way at once, 8 if it is 0.
	Parallel int

	// NoCDN has Telegram not send us to CDNs (D12).
	NoCDN bool

	// NoVerify leaves out upload.getFileHashes, by which bytes of Telegram's own data centres are checked (D12). Those of a
	// CDN always are.
	NoVerify bool
}

const parallelDefault = 8

// New moves files over a client's connections.
func New(c Client) *Files { return &Files{c: c, s: c.Schema()} }

func (f *Files) parallel() int {
	if f.Parallel > 0 {
		return f.Parallel
	}
	return parallelDefault
}

// narrow reports whether parts of files share the connection of all other calls at a data centre, 0 for the home, so that they have
// to be small: whoever calls meanwhile waits behind them.
func (f *Files) narrow(dc int) bool {
	c, ok := f.c.(interface{ HasMediaAddress(dc int) bool })
	return ok && !c.HasMediaAddress(dc)
}

// Errors of our own; all others are an [*mtproto.Error] or the reader's or writer's.
var (
	// ErrHash says that bytes do not have the hash that Telegram says. They were not used.
	ErrHash = errors.New("files: the bytes do not have the hash they should have")

	// ErrTooLarge says that a file has more parts than the account may upload (D11).
	ErrTooLarge = errors.New("files: the file is larger than the account may upload")

	// ErrSize says that a file is not as long as it was said to be.
	ErrSize = errors.New("files: the file is not as long as it was said to be")

	// ErrRange says that a part of a file is wanted that there cannot be.
	ErrRange = errors.New("files: no such part of a file")

	errAnswer = errors.New("files: an answer that makes no sense")
)

// call makes a call of file traffic and reads its result.
func (f *Files) call(ctx context.Context, dc int, t mtproto.Traffic, call codec.M) (codec.View, error) {
	query, err := f.s.Encode(nil, call)
	if err != nil {
		return codec.View{}, err
	}
	body, err := f.c.InvokeFile(ctx, dc, t, query)
	if err != nil {
		return codec.View{}, err
	}
	return f.view(body)
}

func (f *Files) view(body []byte) (codec.View, error) {
	v, err := f.s.View(body)
	if err != nil {
		return v, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return v, nil
}

// argOf is the number in an error's text: 3 of FILE_PART_3_MISSING.
func argOf(err error) int {
	var e *mtproto.Error
	if errors.As(err, &e) {
		return e.Arg
	}
	return 0
}
