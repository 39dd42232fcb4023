// Package staff says who a member of staff is: it verifies their OpenID Connect
// tokens and reads from them the account, the person behind it, the roles and
// the session. What PostgreSQL keeps of them is in staff/pgstore.
//
// The staff face and the custodian each verify every token themselves, for the
// audience that names them: neither relies on the other for it.
package staff

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

var (
	// ErrNoRole means that a token has no role of Sceau, or not the one asked
	// for.
	ErrNoRole = errors.New("staff token does not carry that role")
	// ErrRoleAmbiguous means that a token has several roles and none was
	// chosen.
	ErrRoleAmbiguous = errors.New("staff token carries several roles: choose one")
)

// Claims are what a verified token says.
type Claims struct {
	Issuer  string
	Subject string
	Session string // the `sid` claim and, when there is one, `auth_time`; `jti` without a `sid`
	Person  string // the same for every account of one human
	Unit    string // may be empty
	Name    string // may be empty
	Roles   []string
	Expires time.Time
}

// SessionSum is how the database names the session: its id is never stored.
func (c Claims) SessionSum() [32]byte { return sha256.Sum256([]byte(c.Session)) }

// Binding is how the log names the bearer of a session: nothing can be told
// from it without the session's id, and no other account, person or session
// has the same. So a row that ties a session to somebody else is found out.
func (c Claims) Binding() string {
	m := hmac.New(sha256.New, []byte(c.Session))
	for _, part := range []string{"sceau.session/v1", c.Issuer, c.Subject, c.Person} {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		m.Write([]byte(part))
	}
	return "sha256:" + hex.EncodeToString(m.Sum(nil))
}

// Role is the role in which the bearer acts: the one asked for, or the only
// one. The error is ErrNoRole or ErrRoleAmbiguous.
func (c Claims) Role(asked string) (string, error) {
	switch {
	case asked != "" && slices.Contains(c.Roles, asked):
		return asked, nil
	case asked != "" || len(c.Roles) == 0:
		return "", ErrNoRole
	case len(c.Roles) > 1:
		return "", ErrRoleAmbiguous
	}
	return c.Roles[0], nil
}
