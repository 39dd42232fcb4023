package vault

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hashicorp/vault/api"
)

// block makes Vault's only audit device a named pipe that this test empties into
// the usual file. When it stops emptying it, Vault can record nothing, and a
// Vault that cannot record answers nothing.
func (h *house) block() fault {
	var (
		pipe   = filepath.Join(h.Dir, "audit.pipe")
		gate   sync.Mutex // held while the pipe is stuck
		ended  sync.WaitGroup
		reader *os.File
	)
	sys := h.Vault.Root.Sys()
	device := func(path string) *api.EnableAuditOptions {
		return &api.EnableAuditOptions{Type: "file", Options: map[string]string{"file_path": path, "mode": "0600"}}
	}
	return fault{
		name: "audit device blocked",
		on: func() {
			h.Must(syscall.Mkfifo(pipe, 0o600))
			// Both ends, so that neither Vault nor this waits for the other.
			var err error
			reader, err = os.OpenFile(pipe, os.O_RDWR, 0)
			h.Must(err)
			file, err := os.OpenFile(h.Vault.AuditFile, os.O_APPEND|os.O_WRONLY, 0o600)
			h.Must(err)
			ended.Go(func() {
				defer file.Close()
				buffer := make([]byte, 4096)
				for {
					pass(&gate)
					n, err := reader.Read(buffer)
					if err != nil {
						return
					}
					if _, err := file.Write(buffer[:n]); err != nil {
						return
					}
				}
			})
			h.Must(sys.EnableAuditWithOptionsWithContext(h.Context(), "pipe", device(pipe)))
			h.Must(sys.DisableAuditWithContext(h.Context(), "file"))
			h.fill(pipe, &gate)
		},
		off: func() {
			gate.Unlock()
			h.Must(sys.EnableAuditWithOptionsWithContext(h.Context(), "file", device(h.Vault.AuditFile)))
			h.Must(sys.DisableAuditWithContext(h.Context(), "pipe"))
			h.Must(reader.Close())
			ended.Wait()
			h.Must(os.Remove(pipe))
		},
	}
}

// fill stops the emptying and fills the pipe with what is no record.
func (h *house) fill(pipe string, gate *sync.Mutex) {
	h.Helper()
	gate.Lock()
	writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	h.Must(err)
	defer writer.Close()
	raw, err := writer.SyscallConn()
	h.Must(err)
	line := []byte("{}\n")
	h.Must(raw.Write(func(fd uintptr) bool {
		for {
			if _, err := syscall.Write(int(fd), line); err != nil {
				return true // full
			}
		}
	}))
}

// pass waits until the gate is open.
func pass(gate *sync.Mutex) {
	gate.Lock()
	defer gate.Unlock()
}
