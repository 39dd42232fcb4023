package keeper_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/keeper"
)

// What the keeper of these tests tells: something that no second start repeats.
type told struct {
	Nonce string
	PID   int
}

func init() {
	keeper.Register("keepertest", func(context.Context, string) (any, func(), error) {
		return told{rand.Text(), os.Getpid()}, func() {}, nil
	})
}

// TestMain is also the life of a user: take the server, say what was told, and
// live until killed.
func TestMain(m *testing.M) {
	key := os.Getenv("KEEPER_TEST_USER")
	if key == "" {
		os.Exit(m.Run())
	}
	var info told
	dir, err := keeper.Use("keepertest", key, &info)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(info.Nonce, info.PID, dir)
	select {}
}

type user struct {
	cmd  *exec.Cmd
	told told
	dir  string
}

func newUser(t *testing.T, key string) *user {
	t.Helper()
	u, err := startUser(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.kill)
	return u
}

func startUser(key string) (*user, error) {
	u := &user{cmd: exec.Command(os.Args[0])}
	u.cmd.Env = append(os.Environ(), "KEEPER_TEST_USER="+key)
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := u.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &u.told.Nonce, &u.told.PID, &u.dir)
	}
	if err != nil {
		u.kill()
		return nil, fmt.Errorf("user said %q: %w", line, err)
	}
	return u, nil
}

// kill leaves the user no chance to say goodbye.
func (u *user) kill() {
	_ = u.cmd.Process.Kill() // at the second call it has ended already
	_ = u.cmd.Wait()
}

func TestUsersShareAndTheLastOneEndsIt(t *testing.T) {
	key := "of-" + strings.ToLower(rand.Text()[:8])
	var users [3]*user
	var errs [3]error
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() { users[i], errs[i] = startUser(key) })
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	first := users[0]
	t.Cleanup(first.kill)
	for _, other := range users[1:] {
		if other.told != first.told {
			t.Errorf("users at the same time were told %v and %v", first.told, other.told)
		}
		other.kill()
	}
	late := newUser(t, key)
	if late.told != first.told {
		t.Errorf("a server in use was not shared: %v, %v", first.told, late.told)
	}
	late.kill()
	if _, err := os.Stat(first.dir); err != nil {
		t.Errorf("gone while in use: %v", err)
	}
	first.kill()
	eventually(t, func() bool {
		left, _ := filepath.Glob(filepath.Join(keeper.Dir(), "keepertest-"+key+"*"))
		return len(left) == 0
	})
}

func TestAKilledKeeperIsReplaced(t *testing.T) {
	key := "of-" + strings.ToLower(rand.Text()[:8])
	first := newUser(t, key)
	if err := syscall.Kill(first.told.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var second *user
	eventually(t, func() bool {
		second = newUser(t, key)
		return second.told != first.told
	})
	first.kill()
	second.kill()
	eventually(t, func() bool { _, err := os.Stat(second.dir); return os.IsNotExist(err) })
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	giveUp := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatal("not so after 30 s")
		}
	}
}
