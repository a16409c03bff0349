package mtproto

import "context"

const codeFlood = 420

type Client struct{ o Options }

func New(o Options) (*Client, error)                                       { o, err := o.withDefaults(); return &Client{o}, err }
func (c *Client) Run(ctx context.Context) error                            { <-ctx.Done(); return ctx.Err() }
func (c *Client) Invoke(ctx context.Context, query []byte) ([]byte, error) { return nil, ErrClosed }
func (c *Client) InvokeDC(ctx context.Context, dc int, q []byte) ([]byte, error) {
	return nil, ErrClosed
}
func (c *Client) Ready(ctx context.Context) error { return ErrClosed }
func (c *Client) Reinit()                         {}
func (c *Client) State() State                    { return State{} }
func (c *Client) Login() *Login                   { return nil }

type Login struct{}

func (l *Login) State() LoginState { return LoginState{} }
func (l *Login) SendCode(ctx context.Context, phone string) (LoginState, error) {
	return LoginState{}, nil
}
func (l *Login) ResendCode(ctx context.Context) (LoginState, error) { return LoginState{}, nil }
func (l *Login) SignIn(ctx context.Context, code string) (LoginState, error) {
	return LoginState{}, nil
}
func (l *Login) Password(ctx context.Context, password string) (LoginState, error) {
	return LoginState{}, nil
}
func (l *Login) BotToken(ctx context.Context, token string) (LoginState, error) {
	return LoginState{}, nil
}
func (l *Login) SignUp(ctx context.Context, first, last string) (LoginState, error) {
	return LoginState{}, nil
}
func (l *Login) LogOut(ctx context.Context) error { return nil }
