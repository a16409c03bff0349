package mtproto

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

const (
	qrMovesMost = 3               // data centres that one login by QR code is sent on to
	qrLeast     = 5 * time.Second // until another code is asked for, whatever the clocks say
)

// ShowQR asks for a code to be scanned by an app that is signed in (F7): the state holds it, and it is good for half a
// minute or so. Accounts in except, by user id, are not to be signed in again. [Login.AwaitQR] waits for what comes of it.
func (l *Login) ShowQR(ctx context.Context, except ...int64) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	if s, err := l.require(beforeLogin...); err != nil {
		return s, err
	}
	l.except = except
	return l.exportToken(ctx)
}

// AwaitQR waits until the code that is shown was scanned, or has ended: then the state holds another one, which is to be
// shown in its place. Call it until the state is not WaitQR any more. It returns early where another step is made
// meanwhile.
func (l *Login) AwaitQR(ctx context.Context) (LoginState, error) {
	s, err := l.require(WaitQR)
	if err != nil {
		return s, err
	}
	t := time.NewTimer(max(time.Until(s.QR.Expires), qrLeast))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.scanned:
	case <-l.c.life.over:
		return l.State(), l.c.life.ending()
	case <-ctx.Done():
		return l.State(), ctx.Err()
	}
	l.step.Lock()
	defer l.step.Unlock()
	if now := l.State(); now.Step != WaitQR || *now.QR != *s.QR {
		return now, nil
	}
	return l.exportToken(ctx)
}

// accepted notes an updateLoginToken: somebody has scanned the code.
func (l *Login) accepted() {
	select {
	case l.scanned <- struct{}{}:
	default:
	}
}

// exportToken asks for a code, or for what came of the last one.
func (l *Login) exportToken(ctx context.Context) (LoginState, error) {
	select { // what was scanned so far
	case <-l.scanned:
	default:
	}
	api := l.c.o.API
	v, err := l.invoke(ctx, codec.M{
		"_": "auth.exportLoginToken", "api_id": api.ID, "api_hash": api.Hash, "except_ids": append([]int64{}, l.except...),
	})
	for moves := 0; err == nil && v.Name() == "auth.loginTokenMigrateTo"; moves++ {
		if moves == qrMovesMost {
			return l.State(), fmt.Errorf("mtproto: login: sent on to %d data centres", moves)
		}
		v, err = l.importToken(ctx, int(v.Int("dc_id")), v.Bytes("token"))
	}
	if IsKind(err, "AUTH_TOKEN_EXPIRED", "AUTH_TOKEN_INVALID") && l.State().Step == WaitQR {
		return l.set(LoginState{Step: WaitPhone}), err
	}
	if err != nil {
		return l.refused(ctx, l.State(), err)
	}
	return l.tokenState(v)
}

// importToken goes on at the data centre where the account is that has scanned the code.
func (l *Login) importToken(ctx context.Context, to int, token []byte) (codec.View, error) {
	if home := l.c.links.home.Load().id; home != to {
		if err := l.c.links.moveHome(ctx, home, to); err != nil {
			return codec.View{}, fmt.Errorf("mtproto: login: on the way to data centre %d: %w", to, err)
		}
	}
	return l.invoke(ctx, codec.M{"_": "auth.importLoginToken", "token": token})
}

// tokenState takes an auth.LoginToken.
func (l *Login) tokenState(v codec.View) (LoginState, error) {
	switch v.Name() {
	case "auth.loginToken":
		ends := time.Unix(v.Int("expires"), 0).Add(-l.c.store.offset(l.c.links.home.Load().id))
		url := "tg://login?token=" + base64.RawURLEncoding.EncodeToString(v.Bytes("token"))
		return l.set(LoginState{Step: WaitQR, QR: &QRCode{URL: url, Expires: ends}}), nil
	case "auth.loginTokenSuccess":
		auth, _ := v.Object("authorization")
		return l.authorized("", auth)
	}
	return l.State(), fmt.Errorf("mtproto: login: answer %s", v.Name())
}
