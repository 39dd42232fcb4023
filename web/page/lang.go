package page

import "net/http"

// Lang is the language of a reader, as a lang attribute names it.
type Lang string

// The languages. French is the default: the readers are children and police in
// France.
const (
	French  Lang = "fr"
	English Lang = "en"
)

// T chooses between a text and its translation. The two stand side by side so
// that neither is ever missing.
func (l Lang) T(fr, en string) string {
	if l == English {
		return en
	}
	return fr
}

// Count chooses between one and many: French counts nought as one.
func (l Lang) Count(n int, one, many string) string {
	if n == 1 || (n == 0 && l != English) {
		return one
	}
	return many
}

// Other is the other language.
func (l Lang) Other() Lang {
	if l == English {
		return French
	}
	return English
}

// langCookie holds what the reader chose, until the browser closes.
const langCookie = "lang"

// langOf is what the reader chose, or what their browser asks for.
func (s *Shell) langOf(r *http.Request) Lang {
	if c, err := r.Cookie(langCookie); err == nil {
		switch chosen := Lang(c.Value); chosen {
		case French, English:
			return chosen
		}
	}
	if s.Prefers != nil {
		return s.Prefers(r.Header.Get("Accept-Language"))
	}
	return French
}

// speak remembers the language that a reader chose. It only leads back to a page
// of this face.
func (s *Shell) speak(w http.ResponseWriter, r *http.Request) {
	chosen := French
	if r.PathValue("lang") == string(English) {
		chosen = English
	}
	http.SetCookie(w, s.Cookie(langCookie, string(chosen)))
	http.Redirect(w, r, Local(r.URL.Query().Get("back")), http.StatusSeeOther)
}
