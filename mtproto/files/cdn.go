package files

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/natsgram/natsgram/tl/codec"
)

// cdn is a file on a CDN, encrypted by a key that the CDN does not have.
type cdn struct {
	dc     int
	token  []byte
	block  cipher.Block
	iv     [aes.BlockSize]byte
	hashes []fileHash // that came with the redirect
}

const cdnKeySize = 32

// readCDN reads an upload.fileCdnRedirect.
func readCDN(v codec.View) (*cdn, error) {
	key, iv := v.Bytes("encryption_key"), v.Bytes("encryption_iv")
	c := &cdn{dc: int(v.Int("dc_id")), token: bytes.Clone(v.Bytes("file_token")), hashes: readHashes(v.Objects("file_hashes"))}
	if len(key) != cdnKeySize || copy(c.iv[:], iv) != len(c.iv) || len(iv) != len(c.iv) {
		return nil, fmt.Errorf("%w: key of %d and iv of %d bytes for a CDN", errAnswer, len(key), len(iv))
	}
	var err error
	c.block, err = aes.NewCipher(key)
	return c, err
}

// decrypt decrypts, in place, bytes that begin at an offset, which is a multiple of 16: AES-256-CTR, the last four bytes of the
// IV being the number of the block (D14).
func (c *cdn) decrypt(data []byte, offset int64) {
	iv := c.iv
	binary.BigEndian.PutUint32(iv[len(iv)-4:], uint32(offset/aes.BlockSize))
	cipher.NewCTR(c.block, iv[:]).XORKeyStream(data, data)
}

// cdnPiece reads from the CDN. Where that has lost the file, the data centre that sent us there is asked to give it to the CDN
// again, once (D14).
func (p *path) cdnPiece(ctx context.Context, s *stand, q request) ([]byte, error) {
	for again := true; ; again = false {
		v, err := p.f.callCDN(ctx, s.cdn.dc, codec.M{
			"_": "upload.getCdnFile", "file_token": s.cdn.token, "offset": q.offset, "limit": q.limit,
		})
		switch {
		case err != nil:
			return nil, err
		case v.Name() == "upload.cdnFile":
			data := v.Bytes("bytes")
			s.cdn.decrypt(data, q.offset)
			return data, nil
		case v.Name() != "upload.cdnFileReuploadNeeded" || !again:
			return nil, fmt.Errorf("%w: %s", errAnswer, v.Name())
		}
		more, err := p.f.hashes(ctx, s.dc, codec.M{
			"_": "upload.reuploadCdnFile", "file_token": s.cdn.token, "request_token": v.Bytes("request_token"),
		})
		if err != nil {
			return nil, err
		}
		s.hashes.add(more)
	}
}

func (f *Files) callCDN(ctx context.Context, dc int, call codec.M) (codec.View, error) {
	query, err := f.s.Encode(nil, call)
	if err != nil {
		return codec.View{}, err
	}
	body, err := f.c.InvokeCDN(ctx, dc, query)
	if err != nil {
		return codec.View{}, err
	}
	return f.view(body)
}
