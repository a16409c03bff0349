package files

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what Telegram asks for (D11)
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// Sizes of parts are constant within a file, multiples of 1 KiB that divide 512 KiB (D11).
const (
	partSmall = 128 << 10
	partBig   = 512 << 10
	bigOver   = 10 << 20 // bytes, from which on a file is a big one

	partsDefault = 4000 // upload_max_fileparts_default, where Telegram does not say
	partsPremium = 8000
	unknown      = -1
	callMost     = 64  // bytes that a call has beside the part
	resendsMost  = 100 // of single parts that Telegram has lost, for one use
)

// Uploaded is a file that Telegram has the parts of, for a day or so.
type Uploaded struct {
	ID    int64
	Name  string
	Size  int64
	Parts int
	MD5   string // of small files alone

	f      *Files
	part   int
	source io.ReaderAt // nil: the bytes are gone
}

// Big reports whether the file is a big one, which has no checksum.
func (u *Uploaded) Big() bool { return u.MD5 == "" }

// InputFile is the file as the API's methods want it.
func (u *Uploaded) InputFile() codec.M {
	if u.Big() {
		return codec.M{"_": "inputFileBig", "id": u.ID, "parts": u.Parts, "name": u.Name}
	}
	return codec.M{"_": "inputFile", "id": u.ID, "parts": u.Parts, "name": u.Name, "md5_checksum": u.MD5}
}

// Progress is how far the upload of a big file has come, for who wants to go on with it after a crash. Telegram keeps parts for hours;
// those that it does not have any more when the file is used, [Uploaded.Use] sends again. Small files, of 10 MiB at most, are
// sent whole.
type Progress struct {
	// ID is the file's, and PartSize the size of its parts, in bytes; 0: it is a new one. Upload sets both before it sends anything,
	// and calls Begun.
	ID       int64
	PartSize int
	Begun    func() error

	// Has reports whether a part is up already; nil: none is. Saved is told of each that is, from any goroutine; it may be nil.
	Has   func(part int) bool
	Saved func(part int)
}

// Upload sends size bytes. Should Telegram lose some of them, [Uploaded.Use] reads them again.
func (f *Files) Upload(ctx context.Context, name string, r io.ReaderAt, size int64) (*Uploaded, error) {
	return f.Resume(ctx, name, r, size, &Progress{})
}

// Resume is Upload, and goes on where an earlier one was.
func (f *Files) Resume(ctx context.Context, name string, r io.ReaderAt, size int64, p *Progress) (*Uploaded, error) {
	part := p.PartSize
	if part == 0 || size <= bigOver {
		part = f.partFor(size)
	}
	u := &Uploaded{Name: name, Size: size, f: f, part: part, Parts: int((size + int64(part) - 1) / int64(part)), source: r}
	if err := f.fits(ctx, u.Parts); err != nil {
		return nil, err
	}
	return u, u.all(ctx, p)
}

// partFor is the size of a file's parts.
func (f *Files) partFor(size int64) int {
	if size <= bigOver || f.narrow(0) && size <= partSmall*partsDefault {
		return partSmall
	}
	return partBig
}

// all sends the file, but for what is up already.
func (u *Uploaded) all(ctx context.Context, p *Progress) error {
	s := u.sending()
	if u.Size <= bigOver {
		s.sum = md5.New() //nolint:gosec // see above
	} else {
		s.progress = p
		if p.ID == 0 {
			p.ID, p.PartSize = s.id, u.part
		}
		if s.id = p.ID; p.Begun != nil {
			if err := p.Begun(); err != nil {
				return err
			}
		}
	}
	if err := s.parts(ctx, io.NewSectionReader(u.source, 0, u.Size)); err != nil {
		return err
	}
	if s.size != u.Size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrSize, s.size, u.Size)
	}
	s.finish()
	return nil
}

// UploadStream sends what r has, however much that is (D11). Of more than 10 MiB nothing is kept, so that a part which
// Telegram loses cannot be sent again.
func (f *Files) UploadStream(ctx context.Context, name string, r io.Reader) (*Uploaded, error) {
	head := new(bytes.Buffer)
	n, err := io.CopyN(head, r, bigOver+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n <= bigOver {
		return f.Upload(ctx, name, bytes.NewReader(head.Bytes()), n)
	}
	u := &Uploaded{Name: name, Size: unknown, f: f, part: partBig, Parts: unknown}
	s := u.sending()
	if err := s.parts(ctx, io.MultiReader(head, r)); err != nil {
		return nil, err
	}
	s.finish()
	return u, nil
}

// fits asks how many parts the account may upload, if that is in question.
func (f *Files) fits(ctx context.Context, parts int) error {
	if parts <= partsDefault {
		return nil
	}
	most := partsDefault
	if body, err := f.invoke(ctx, codec.M{"_": "help.getAppConfig", "hash": 0}); err == nil {
		if v, ok := number(body, "upload_max_fileparts_default"); ok {
			most = v
		}
		if v, ok := number(body, "upload_max_fileparts_premium"); ok && f.premium() {
			most = v
		}
	}
	if parts > most {
		return fmt.Errorf("%w: %d parts, of %d", ErrTooLarge, parts, most)
	}
	return nil
}

func (f *Files) premium() bool {
	p, ok := f.c.(interface{ Premium() bool })
	return ok && p.Premium()
}

// number finds a number in what help.getAppConfig says.
func number(v codec.View, key string) (int, bool) {
	config, _ := v.Object("config")
	for entry := range config.Objects("value") {
		if value, ok := entry.Object("value"); ok && entry.Str("key") == key && value.Name() == "jsonNumber" {
			n := value.Double("value")
			return int(n), n >= 1 && n <= 1<<20
		}
	}
	return 0, false
}

func (f *Files) invoke(ctx context.Context, call codec.M) (codec.View, error) {
	query, err := f.s.Encode(nil, call)
	if err != nil {
		return codec.View{}, err
	}
	body, err := f.c.Invoke(ctx, query)
	if err != nil {
		return codec.View{}, err
	}
	return f.view(body)
}

// sending is a file on its way.
type sending struct {
	u    *Uploaded
	id   int64
	sum  hash.Hash // nil: of a big file
	size int64     // so far
	n    int       // parts so far
	free chan *buffer

	progress *Progress // of a big file whose length is known
}

// has reports whether the next part is up already.
func (s *sending) has() bool {
	return s.progress != nil && s.progress.Has != nil && s.progress.Has(s.n)
}

// buffer is a part, with room for the rest of the call that carries it before and behind: so that is made without copying the part.
type buffer struct {
	room []byte
	n    int // bytes of the part
}

func newBuffer(n int) *buffer { return &buffer{make([]byte, callMost+n+3), n} }

// part is the bytes of the part.
func (b *buffer) part() []byte { return b.room[callMost:][:b.n] }

// query is the call that has the part as its last argument. Head is the same call with an empty one.
func (b *buffer) query(head []byte) []byte {
	head = bin.AppendLength(head[:len(head)-4], b.n)
	at := callMost - len(head)
	copy(b.room[at:], head)
	return bin.AppendPadding(b.room[at:callMost+b.n], b.n)
}

// take is a buffer that nobody uses.
func (s *sending) take() *buffer {
	select {
	case b := <-s.free:
		b.n = s.u.part
		return b
	default:
		return newBuffer(s.u.part)
	}
}

// give gives one back, for the next part.
func (s *sending) give(b *buffer) {
	select {
	case s.free <- b:
	default:
	}
}

func (u *Uploaded) sending() *sending {
	var id [8]byte
	_, _ = rand.Read(id[:])
	return &sending{u: u, id: int64(binary.LittleEndian.Uint64(id[:])), free: make(chan *buffer, u.f.parallel()+3)}
}

func (s *sending) finish() {
	u := s.u
	u.ID, u.Size, u.Parts, u.MD5 = s.id, s.size, s.n, ""
	if s.sum != nil {
		u.MD5 = hex.EncodeToString(s.sum.Sum(nil))
	}
}

// parts sends the parts in parallel, as many at once as may be: they need no order among each other (D11). The last part of
// a file of unknown length, which tells how many there are, waits for all others.
func (s *sending) parts(ctx context.Context, r io.Reader) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(s.u.f.parallel())
	one := func(ctx context.Context, n int, b *buffer) {
		group.Go(func() error { return s.save(ctx, n, s.u.Parts, b) })
	}
	send := func(n int, b *buffer) error {
		one(inner, n, b)
		return inner.Err()
	}
	last := send
	switch {
	case s.u.Parts == unknown:
		last = func(n int, b *buffer) error {
			if err := group.Wait(); err != nil {
				return err
			}
			return s.save(ctx, n, n+1, b)
		}
	case s.u.f.parallel() >= pairsFrom:
		send, last = inPairs(inner, one)
	}
	err := s.each(r, send, last)
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// pairsFrom is from how many parts at once on two of them go together, so that those of others are under way while one waits for another.
const pairsFrom = 4

// inPairs has each two parts go together, and the last by itself if none is left for it.
func inPairs(ctx context.Context, one func(context.Context, int, *buffer)) (send, last func(n int, b *buffer) error) {
	first, waiting := 0, (*buffer)(nil)
	send = func(n int, b *buffer) error {
		if waiting == nil {
			first, waiting = n, b
			return ctx.Err()
		}
		both := mtproto.WithCompany(ctx, mtproto.NewCompany(2))
		one(both, first, waiting)
		one(both, n, b)
		waiting = nil
		return ctx.Err()
	}
	last = func(n int, b *buffer) error {
		if waiting != nil {
			return send(n, b)
		}
		one(ctx, n, b)
		return ctx.Err()
	}
	return send, last
}

// each cuts what r has into parts; it reads one ahead, to know the last. What is up already is passed over.
func (s *sending) each(r io.Reader, send, last func(n int, b *buffer) error) error {
	if err := s.pass(r); err != nil {
		return err
	}
	b, err := s.read(r)
	if errors.Is(err, io.EOF) {
		if s.n > 0 {
			return nil // all of it is up
		}
		return fmt.Errorf("%w: it is empty", ErrSize)
	}
	for err == nil {
		n := s.n
		s.n++
		if err := s.pass(r); err != nil {
			return err
		}
		var next *buffer
		next, err = s.read(r)
		switch {
		case n >= partsPremium:
			return ErrTooLarge
		case errors.Is(err, io.EOF):
			return last(n, b)
		case err == nil:
			err = send(n, b)
		}
		b = next
	}
	return err
}

// pass goes on to the next part that is not up.
func (s *sending) pass(r io.Reader) error {
	for s.size < s.u.Size && s.has() {
		n := min(int64(s.u.part), s.u.Size-s.size)
		if _, err := r.(io.Seeker).Seek(n, io.SeekCurrent); err != nil { // a section of the source
			return err
		}
		s.size += n
		s.n++
	}
	return nil
}

// read reads a part; io.EOF: there is none.
func (s *sending) read(r io.Reader) (*buffer, error) {
	b := s.take()
	n, err := io.ReadFull(r, b.part())
	if n == 0 {
		return nil, err
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	s.size += int64(n)
	if b.n = n; s.sum != nil {
		s.sum.Write(b.part())
	}
	return b, nil
}

func (s *sending) save(ctx context.Context, n, total int, b *buffer) error {
	defer s.give(b)
	err := s.u.f.savePart(ctx, s.id, n, total, s.sum == nil, b)
	if err == nil && s.progress != nil && s.progress.Saved != nil {
		s.progress.Saved(n)
	}
	return err
}

func (f *Files) savePart(ctx context.Context, id int64, n, total int, big bool, b *buffer) error {
	call := codec.M{"_": "upload.saveFilePart", "file_id": id, "file_part": n, "bytes": ""}
	if big {
		call["_"], call["file_total_parts"] = "upload.saveBigFilePart", total
	}
	head, err := f.s.Encode(nil, call)
	if err != nil {
		return err
	}
	if len(head) > callMost-4 {
		return fmt.Errorf("files: %s takes %d bytes besides the part", call["_"], len(head))
	}
	query := b.query(head)
	body, err := f.c.InvokeFile(ctx, 0, mtproto.Upload, query)
	if err != nil {
		return err
	}
	if v, err := f.view(body); err != nil || v.Name() != "boolTrue" {
		return fmt.Errorf("%w: part %d was not taken", errAnswer, n)
	}
	return nil
}

// Use has do use the file, in a call such as messages.sendMedia. Where Telegram then says that it lacks a part, that is sent
// again; where it says that the parts do not fit, all of them, once (D11). For this, do is called again.
func (u *Uploaded) Use(ctx context.Context, do func(file codec.M) error) error {
	for parts, whole := 0, false; ; {
		err := do(u.InputFile())
		if err == nil || u.source == nil {
			return err
		}
		n, lacks := Lacks(err)
		switch {
		case lacks && parts < resendsMost && n < u.Parts:
			parts++
			if err := u.Resend(ctx, n); err != nil {
				return err
			}
		case Unfit(err) && !whole:
			whole = true
			if err := u.all(ctx, &Progress{}); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// Lacks is the part of a file that Telegram does not have any more, as the error of a call says that used the file (D11).
func Lacks(err error) (part int, ok bool) {
	return argOf(err), mtproto.IsKind(err, "FILE_PART_MISSING")
}

// Unfit reports whether a call failed as the parts of a file do not fit: all of them have to be sent again (D11).
func Unfit(err error) bool {
	return mtproto.IsKind(err, "MD5_CHECKSUM_INVALID", "FILE_PART_SIZE_CHANGED", "FILE_PARTS_INVALID")
}

// Resend sends a part again, for who uses the file without [Uploaded.Use]. Any number of goroutines may.
func (u *Uploaded) Resend(ctx context.Context, part int) error {
	if u.source == nil || part < 0 || part >= u.Parts {
		return ErrRange
	}
	at := int64(part) * int64(u.part)
	b := newBuffer(int(min(int64(u.part), u.Size-at)))
	if _, err := u.source.ReadAt(b.part(), at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return u.f.savePart(ctx, u.ID, part, u.Parts, u.Big(), b)
}
