package using

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/serve"
)

func newServe() *cobra.Command {
	var v service
	cmd := &cobra.Command{
		Use:   "serve --from DIR",
		Short: "Give models out by HTTP, as OpenAI's API does",
		Long: `Give models out by HTTP, as OpenAI's API does.

DIR is what gorgpt generate takes, or a classifier that gorgpt finetune has made. It may be
given more than once, and with the name that clients call it by: NAME=DIR.`,
		Example: `  gorgpt serve --from runs/gpt2-minute-20260102-150405/checkpoints/best
  gorgpt serve --from small=gpt2 --from smol=SmolLM2-135M-Instruct.gguf --listen 127.0.0.1:8081`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&v.from, "from", nil, "checkpoint, or NAME=checkpoint; may be given more than once")
	f.StringVar(&v.listen, "listen", "127.0.0.1:8080", "address to listen on")
	return cmd
}

// service is what gorgpt serve is asked for.
type service struct {
	from   []string
	listen string
}

// run serves until it is interrupted.
func (v *service) run(cmd *cobra.Command) error {
	if len(v.from) == 0 {
		return usage.Errorf("--from is missing: the checkpoint to serve")
	}
	listener, err := net.Listen("tcp", v.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", v.listen, err)
	}
	s := serve.New(serve.Config{})
	defer s.Close()
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	defer web.Close()
	for _, from := range v.from {
		name, path := splitFrom(from)
		m, err := serve.Open(path, serve.Options{ID: name})
		if err != nil {
			return err
		}
		if err := s.Add(m); err != nil {
			return err
		}
	}
	s.Ready()
	fmt.Fprintf(cmd.ErrOrStderr(), "listening on http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-cmd.Context().Done():
		if err := web.Shutdown(context.Background()); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// splitFrom splits NAME=PATH; what is there as a whole is a path.
func splitFrom(from string) (name, path string) {
	if _, err := os.Stat(from); err == nil {
		return "", from
	}
	if name, path, named := strings.Cut(from, "="); named && !strings.ContainsAny(name, `/\`) {
		return name, path
	}
	return "", from
}
