package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/internal/rig"
)

// serveControl answers what a story asks of the machine rather than of a page: a
// token to arrange something by the API, which case a minor's token is of, a process
// killed and started again, the entries that a case has by now, the tables of pages. It returns the URL.
func serveControl(t *testing.T, r *rig.Rig) string {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(v) // the runner went away: nothing to tell
	}
	mux.HandleFunc("POST /token/{account}", func(w http.ResponseWriter, req *http.Request) {
		token, err := r.Issuer.Token(req.Context(), req.PathValue("account"))
		answer(w, token, err)
	})
	mux.HandleFunc("POST /password/{account}", func(w http.ResponseWriter, req *http.Request) {
		password, err := r.Issuer.Password(req.PathValue("account"))
		answer(w, password, err)
	})
	mux.HandleFunc("POST /kill/{process}", func(w http.ResponseWriter, req *http.Request) {
		p := r.Process(req.PathValue("process"))
		p.Kill()
		<-p.Done()
		answer(w, "gone", nil)
	})
	mux.HandleFunc("POST /start/{process}", func(w http.ResponseWriter, req *http.Request) {
		name := req.PathValue("process")
		r.StartProcess(name)
		for until := time.Now().Add(30 * time.Second); r.Down(name) != "" && time.Now().Before(until); {
			time.Sleep(20 * time.Millisecond)
		}
		answer(w, r.Down(name), nil)
	})
	mux.HandleFunc("POST /case/{token}", func(w http.ResponseWriter, req *http.Request) {
		hash, _ := conversation.HashToken(req.PathValue("token")) // of what is none no row is found
		var id string
		err := r.DB.Super.QueryRow(req.Context(), `SELECT case_id::text FROM sceau.conversations WHERE token_sha256 = $1
			UNION ALL SELECT case_id::text FROM sceau.tokens WHERE token_sha256 = $1`, hash[:]).Scan(&id)
		answer(w, id, err)
	})
	mux.HandleFunc("POST /pages", func(w http.ResponseWriter, _ *http.Request) {
		all, err := tables()
		answer(w, all, err)
	})
	mux.HandleFunc("POST /entries/{case}", func(w http.ResponseWriter, req *http.Request) {
		answer(w, strings.Fields(r.Actions(req.PathValue("case"))), nil)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}
