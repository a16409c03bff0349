package mttest

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/codec"
)

// upload names a file that is being uploaded.
type upload struct {
	account int64
	dc      int
	file    int64
}

// parts are those of a file that have come.
type parts struct {
	size  int // of each but the last
	total int // 0: not known before the end
	data  map[int][]byte
}

const (
	partMax    = 512 << 10
	partStep   = 1 << 10
	pieceStep  = 4 << 10
	pieceMax   = 1 << 20
	uploadsMax = 4000 // parts of one file

	uploadsPremium = 8000 // the same, of accounts with Premium
)

// savePart keeps a part of a file, small or big (D11).
func savePart(r *Request) (any, error) {
	part, data := int(r.Args.Int("file_part")), r.Args.Bytes("bytes")
	switch {
	case part < 0 || part >= r.uploadsMost():
		return nil, refusal(400, "FILE_PART_INVALID")
	case len(data) == 0:
		return nil, refusal(400, "FILE_PART_EMPTY")
	case len(data) > partMax:
		return nil, refusal(400, "FILE_PART_TOO_BIG")
	}
	if err := r.slow(true, len(data)); err != nil {
		return nil, err
	}
	s, id := r.server, upload{r.Account.id, r.DC, r.Args.Int("file_id")}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.files.uploads[id]
	if p == nil {
		p = &parts{data: map[int][]byte{}}
		s.files.uploads[id] = p
	}
	if total := int(r.Args.Int("file_total_parts")); total > 0 {
		p.total = total
	}
	last := p.total > 0 && part == p.total-1
	if !last && p.total > 0 && (len(data)%partStep != 0 || partMax%len(data) != 0) {
		return nil, refusal(400, "FILE_PART_SIZE_INVALID")
	}
	if p.size != 0 && !last && p.total > 0 && len(data) != p.size {
		return nil, refusal(400, "FILE_PART_SIZE_CHANGED")
	}
	if part == 0 || p.size == 0 {
		p.size = len(data)
	}
	p.data[part] = append([]byte(nil), data...)
	return true, nil
}

// uploadsMost is how many parts a file of the account may have.
func (r *Request) uploadsMost() int {
	if u, ok := r.server.world.User(r.Account.id); ok && u.Premium {
		return uploadsPremium
	}
	return uploadsMax
}

// assemble puts the parts of an InputFile together.
func (r *Request) assemble(v codec.View) ([]byte, error) {
	s, id := r.server, upload{r.Account.id, r.DC, v.Int("id")}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, n := s.files.uploads[id], int(v.Int("parts"))
	if p == nil || n <= 0 || n > r.uploadsMost() {
		return nil, refusal(400, "FILE_PARTS_INVALID")
	}
	size := 0
	for i := range n {
		data, ok := p.data[i]
		if !ok {
			return nil, refusal(400, fmt.Sprintf("FILE_PART_%d_MISSING", i))
		}
		size += len(data)
	}
	all := make([]byte, 0, size)
	for i := range n {
		all = append(all, p.data[i]...)
	}
	if sum := v.Str("md5_checksum"); sum != "" {
		have := md5.Sum(all)
		if !strings.EqualFold(sum, hex.EncodeToString(have[:])) {
			return nil, refusal(400, "MD5_CHECKSUM_INVALID")
		}
	}
	for i, at := 0, 0; i < n; i++ { // the parts stay, for the next use; their bytes are the file's
		end := at + len(p.data[i])
		p.data[i], at = all[at:end:end], end
	}
	return all, nil
}

// media makes what an InputMedia says, or finds what it names.
func (r *Request) media(v codec.View) (*world.File, error) {
	switch v.Name() {
	case "inputMediaUploadedPhoto", "inputMediaUploadedDocument":
		in, _ := v.Object("file")
		data, err := r.assemble(in)
		if err != nil {
			return nil, err
		}
		f := world.File{DC: r.DC, Photo: v.Name() == "inputMediaUploadedPhoto", Name: in.Str("name"), MimeType: v.Str("mime_type"), Data: data}
		for a := range v.Objects("attributes") {
			if a.Name() == "documentAttributeFilename" {
				f.Name = a.Str("file_name")
			}
		}
		return r.server.world.AddFile(f), nil
	case "inputMediaPhoto", "inputMediaDocument":
		in, _ := v.Object("id")
		return r.file(in, "MEDIA_INVALID")
	}
	return nil, refusal(400, "MEDIA_INVALID")
}

// uploadMedia makes a photo or document that is sent later.
func uploadMedia(r *Request) (any, error) {
	if _, err := r.peer("peer"); err != nil {
		return nil, err
	}
	media, _ := r.Args.Object("media")
	f, err := r.media(media)
	if err != nil {
		return nil, err
	}
	return r.server.scene(r.Account.id).media(f), nil
}

// sendMultiMedia sends an album, whose files have been uploaded by messages.uploadMedia before.
func sendMultiMedia(r *Request) (any, error) {
	to, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	var drafts []world.Draft
	for item := range r.Args.Objects("multi_media") {
		media, _ := item.Object("media")
		if strings.HasPrefix(media.Name(), "inputMediaUploaded") {
			return nil, refusal(400, "MEDIA_INVALID")
		}
		f, err := r.media(media)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, world.Draft{Text: item.Str("message"), Entities: entities(item), RandomID: item.Int("random_id"), Media: f, Origin: r.device})
	}
	if len(drafts) < 2 || len(drafts) > 10 {
		return nil, refusal(400, "MULTI_MEDIA_TOO_LONG")
	}
	var all M
	for _, d := range drafts {
		w, err := r.server.world.Send(r.Account.id, to, d)
		if err != nil {
			return nil, err
		}
		one := r.sent(w)
		if all != nil {
			one["updates"] = append(all["updates"].([]M), one["updates"].([]M)...)
		}
		all = one
	}
	return all, nil
}

// file finds the file that an InputDocument, an InputPhoto or a location names, and checks that the asker may have it.
func (r *Request) file(v codec.View, otherwise string) (*world.File, error) {
	f, ok := r.server.world.File(v.Int("id"))
	switch ref := v.Bytes("file_reference"); {
	case !ok || v.Int("access_hash") != r.server.fileHash(r.Account.id, f.ID):
		return nil, refusal(400, otherwise)
	case len(ref) == 0:
		return nil, refusal(400, "FILE_REFERENCE_EMPTY")
	case !bytes.Equal(ref, r.server.fileReference(f.ID)):
		return nil, refusal(400, "FILE_REFERENCE_EXPIRED")
	}
	return f, nil
}

func (s *Server) fileHash(viewer, id int64) int64 {
	return s.world.AccessHash(viewer, world.Peer{ID: id})
}

// fileReference is what a file is referred by until [Server.ExpireFileReferences].
func (s *Server) fileReference(id int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := binary.LittleEndian.AppendUint32([]byte("ref"), uint32(s.files.age))
	return binary.LittleEndian.AppendUint64(b, uint64(id))
}

// ExpireFileReferences makes all file references given out so far FILE_REFERENCE_EXPIRED (D15).
func (s *Server) ExpireFileReferences() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files.age++
}

// getFile gives a piece of a file, within the rules for offset and limit (D12).
func getFile(r *Request) (any, error) {
	location, _ := r.Args.Object("location")
	offset, limit := r.Args.Int("offset"), r.Args.Int("limit")
	if !strings.HasPrefix(location.Name(), "inputDocument") && !strings.HasPrefix(location.Name(), "inputPhoto") {
		return nil, refusal(400, "LOCATION_INVALID")
	}
	f, err := r.file(location, "FILE_ID_INVALID")
	if err != nil {
		return nil, err
	}
	step := int64(pieceStep)
	if r.Args.Bool("precise") {
		step = partStep
	}
	switch {
	case f.DC != r.DC:
		return nil, refusal(303, fmt.Sprintf("FILE_MIGRATE_%d", f.DC))
	case limit <= 0 || limit%step != 0 || limit > pieceMax || step == pieceStep && pieceMax%limit != 0:
		return nil, refusal(400, "LIMIT_INVALID")
	case offset < 0 || offset%step != 0 || offset/pieceMax != (offset+limit-1)/pieceMax:
		return nil, refusal(400, "OFFSET_INVALID")
	}
	if err := r.slow(false, int(limit)); err != nil {
		return nil, err
	}
	if redirect := r.server.redirect(f); redirect != nil && r.Args.Bool("cdn_supported") {
		return redirect, nil
	}
	from := min(offset, int64(len(f.Data)))
	to := min(offset+limit, int64(len(f.Data)))
	return M{"_": "upload.file", "type": M{"_": "storage.fileUnknown"}, "mtime": f.Date, "bytes": f.Data[from:to]}, nil
}
