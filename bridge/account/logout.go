package account

import (
	"context"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

// logout signs the account out at Telegram (F10), as tg.ctl.<account>.logout asks. The account is served with refusals then,
// until somebody signs in anew.
func (o *ownership) logout(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
	err := answer.ReadJSON(request, &struct{}{})
	if text := strings.Join(strings.Fields(string(request)), ""); err == nil && text != "" && text != "{}" {
		err = errors.New("want nothing, got " + answer.Quote(text))
	}
	if err != nil {
		return nil, answer.Refuse(400, "logout: it takes no parameters, so this was meant for something else; nothing was done: "+err.Error())
	}
	who, ok := o.client.(interface{ Login() *mtproto.Login })
	if !ok {
		return nil, answer.Refuse(503, "the account is only just starting")
	}
	err = who.Login().LogOut(ctx)
	if errors.Is(err, mtproto.ErrStep) {
		return nil, answer.Refuse(409, "logout: account "+o.c.Name+" is not signed in")
	}
	if err != nil {
		fault := o.status.explain(err)
		return nil, &fault
	}
	return []byte(`{"logged_out":true}`), nil
}
