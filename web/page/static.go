package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed static
var files embed.FS

// file is a static file as it is sent.
type file struct {
	media        string
	plain, small []byte // small: compressed, nil when that does not help
	version      string
}

var statics = func() map[string]*file {
	all := map[string]*file{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		f := &file{media: mime.TypeByExtension(path.Ext(name)), plain: text, version: hex.EncodeToString(sum[:6])}
		if f.media == "" {
			f.media = "application/octet-stream"
		}
		var small bytes.Buffer
		z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if _, err := z.Write(text); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		if small.Len() < len(text) {
			f.small = small.Bytes()
		}
		all[strings.TrimPrefix(name, "static/")] = f
		return nil
	})
	if err != nil {
		panic(err) // embedded: they are there or the program is not
	}
	return all
}()

// Static is the address of a static file. It changes with the file's content, so
// that what a browser has kept is never an old one.
func Static(name string) string {
	f, ok := statics[name]
	if !ok {
		panic("no static file " + name)
	}
	return "/static/" + f.version + "/" + name
}

// telling are the files that tell by being kept that somebody talked here, and did not
// only read: they are kept nowhere.
var telling = []string{"chat.js"}

// keeping is for how long a browser may keep a file. Those of staff, for good. On a
// child's device each is a trace of the visit, and a proxy's copy is one of its reader:
// the device alone, for as long as a visit lasts.
func (s *Shell) keeping(name string) string {
	switch {
	case !s.Public:
		return "public, max-age=31536000, immutable"
	case slices.Contains(telling, name):
		return "no-store"
	}
	return "private, max-age=600"
}

// static serves a file. It is the one thing of a face that a browser may keep; it
// is the same for everybody and names nobody.
func (s *Shell) static(w http.ResponseWriter, r *http.Request) {
	f, ok := statics[chi.URLParam(r, "name")]
	if !ok || chi.URLParam(r, "version") != f.version {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Cache-Control", s.keeping(chi.URLParam(r, "name")))
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if f.small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	_, _ = io.Copy(w, bytes.NewReader(body))
}
