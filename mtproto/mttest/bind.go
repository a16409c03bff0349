package mttest

import (
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/tl/bin"
)

const idBindInner = 0x75a3f765

// bindTempKey makes the temporary key that asks stand for a permanent one (B19, B21, B22). A binding before is replaced.
// The connection has to be introduced again (B23).
func bindTempKey(r *Request) (any, error) {
	temp := r.call.Session.Key()
	perm := r.centre.Key(uint64(r.Args.Int("perm_auth_key_id")))
	switch {
	case temp.Expires.IsZero():
		return nil, refusal(400, "TEMP_AUTH_KEY_EMPTY")
	case perm == nil || !perm.Expires.IsZero():
		return nil, refusal(400, "ENCRYPTED_MESSAGE_INVALID")
	case r.Args.Int("expires_at") < r.server.cfg.Now().Unix():
		return nil, refusal(400, "EXPIRES_AT_INVALID")
	}
	msgID, body, err := crypto.OpenV1(&perm.Key, r.Args.Bytes("encrypted_message"))
	if err != nil || msgID != r.MsgID || !r.binds(body, temp.ID(), perm.ID()) {
		return nil, refusal(400, "ENCRYPTED_MESSAGE_INVALID")
	}
	own, _ := temp.Data.(*device)
	of, _ := perm.Data.(*device)
	of.mu.Lock()
	of.key, of.inited = temp, false
	of.mu.Unlock()
	own.mu.Lock()
	own.bound = of
	own.mu.Unlock()
	return true, nil
}

// binds checks bind_auth_key_inner.
func (r *Request) binds(body []byte, temp, perm uint64) bool {
	b := bin.NewReader(body)
	b.Expect(idBindInner, "bind_auth_key_inner")
	nonce, tempID, permID, session, until := b.Int64(), b.Uint64(), b.Uint64(), b.Int64(), b.Int32()
	return b.Close() == nil && nonce == r.Args.Int("nonce") && tempID == temp && permID == perm && session == r.SessionID &&
		int64(until) == r.Args.Int("expires_at")
}
