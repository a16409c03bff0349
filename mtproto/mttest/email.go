package mttest

// RequireEmail has the next login with a phone number ask for an e-mail address first (F4).
func (s *Server) RequireEmail(phone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry.wantEmail == nil {
		s.entry.wantEmail = map[string]bool{}
	}
	s.entry.wantEmail[digits(phone)] = true
}

// EmailCode is the code that was last sent to an e-mail address; empty: none is awaited.
func (s *Server) EmailCode(address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.entry.logins {
		if l.email == address {
			return l.emailCode
		}
	}
	return ""
}

func sendVerifyEmailCode(r *Request) (any, error) {
	s, address := r.server, r.Args.Str("email")
	_, l, err := r.setup()
	if err != nil {
		return nil, err
	}
	if len(address) < 3 {
		return nil, refusal(400, "EMAIL_INVALID")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.email, l.emailCode = address, s.newCode("")
	return M{"_": "account.sentEmailCode", "email_pattern": address[:1] + "***", "length": len(l.emailCode)}, nil
}

func verifyEmail(r *Request) (any, error) {
	s := r.server
	phone, l, err := r.setup()
	if err != nil {
		return nil, err
	}
	verification, _ := r.Args.Object("verification")
	s.mu.Lock()
	right := l.emailCode != "" && verification.Str("code") == l.emailCode
	if right { // from now on codes come there
		l.byEmail, l.emailCode = true, s.newCode("")
		delete(s.entry.wantEmail, phone)
	}
	s.mu.Unlock()
	if !right {
		return nil, refusal(400, "CODE_INVALID")
	}
	return M{"_": "account.emailVerifiedLogin", "email": l.email, "sent_code": s.sentCode(phone, l)}, nil
}

// setup finds the login for which an e-mail address is set up.
func (r *Request) setup() (phone string, l *login, err error) {
	purpose, _ := r.Args.Object("purpose")
	if purpose.Name() != "emailVerifyPurposeLoginSetup" {
		return "", nil, refusal(400, "EMAIL_VERIFY_PURPOSE_INVALID")
	}
	return r.server.login(purpose.Str("phone_number"), purpose.Str("phone_code_hash"))
}

func resetLoginEmail(r *Request) (any, error) {
	phone, l, err := r.login()
	if err != nil {
		return nil, err
	}
	r.server.mu.Lock()
	byEmail := l.byEmail
	l.byEmail = false
	r.server.mu.Unlock()
	if !byEmail {
		return nil, refusal(400, "EMAIL_NOT_SETUP")
	}
	return r.server.sentCode(phone, l), nil
}
