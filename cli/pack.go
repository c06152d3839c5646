package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/train"
)

func newPack() *cobra.Command {
	var (
		kind, out      string
		validation     float64
		valData        string
		field, bad     string
		o              pack.Options
		verify, asJSON bool
		special        bool
	)
	cmd := &cobra.Command{
		Use:   "pack --out DIR SRC",
		Short: "Encode a corpus into token shards",
		Long: `Encode a corpus into token shards, llm.c's .bin files, which training reads
without a tokenizer's work.

SRC is what train --data takes: a file, a folder, a glob, JSON lines, Parquet, or go.
The end of text follows each document. DIR gets train_*.bin, val_*.bin, pack.json with
the SHA-256 of each, and tokenizer/. All processors encode; an interrupted run goes on
where it was when it is begun again, also after a text that could not be read was mended,
and a finished one is checked, against the text too.

Standard output: a line for each part, and DIR last.`,
		Example: `  gorgpt pack --tokenizer gpt2 --out packed 'books/*.txt'
  gorgpt train --data packed
  gorgpt pack --out packed --verify`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := noneIdle(cmd.Flags().Changed, []idle{
				{verify, []string{"tokenizer", "special", "validation", "val-data", "shard-tokens", "field", "bad-records"}, "--verify, which only reads --out"},
				{valData != "", []string{"validation"}, "--val-data, which is the text for it"},
			})
			switch {
			case err != nil:
				return err
			case out == "":
				return usagef("--out is missing: the folder for the shards")
			case verify && len(args) == 0:
				if err := pack.Verify(out); err != nil {
					return err
				}
				x, err := pack.Read(out)
				if err != nil {
					return err
				}
				return reportPack(cmd.OutOrStdout(), out, x, asJSON)
			case verify:
				return usagef("--verify checks what is in --out; leave out %s", args[0])
			case len(args) == 0:
				return usagef("SRC is missing: the text to encode")
			case !(validation >= 0 && validation < 1):
				return usagef("--validation %v: want a share from 0 to below 1", validation)
			case o.ShardTokens < 1 || o.ShardTokens > shard.MaxTokens:
				return usagef("--shard-tokens %d: want 1 to %d", o.ShardTokens, shard.MaxTokens)
			}
			if err := checkTokenizer(kind); err != nil {
				return err
			}
			options, err := reading(field, bad)
			if err != nil {
				return err
			}
			src, err := datasets.Open(args[0], options...)
			if err != nil {
				return err
			}
			tok, err := newTokenizer(kind, src.Texts())
			if err != nil {
				return err
			}
			tok = readSpecial(tok, special)
			learn, check := src, (*datasets.Source)(nil)
			parts := ""
			switch {
			case valData != "":
				check, err = datasets.Open(valData, options...)
			case validation > 0:
				if learn, check, err = datasets.Split(src, validation); err != nil {
					return fmt.Errorf("%w; or name a text for validation with --val-data, or --validation 0", err)
				}
				parts = partsOf(learn, check)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s%s\n", src, parts)
			p := &packProgress{w: cmd.ErrOrStderr(), live: train.IsTerminal(cmd.ErrOrStderr()), began: time.Now(), total: learn.Size()}
			if check != nil {
				p.total += check.Size()
			}
			o.Progress = p.report
			x, err := pack.Pack(cmd.Context(), out, learn, check, tok, o)
			p.end()
			read := corpus{sources: []*datasets.Source{src}}
			if valData != "" {
				read.check = check
			}
			if skipped := read.skipped(); skipped != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), skipped)
			}
			if err != nil {
				if cmd.Context().Err() != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "stopped; the same command goes on after the last whole shard")
				}
				return err
			}
			if check != nil && x.Val.Tokens == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "nothing came to validation: name a text for it with --val-data, or a larger share with --validation")
			}
			return reportPack(cmd.OutOrStdout(), out, x, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&kind, "tokenizer", "gpt2", tokenizerHelp)
	f.BoolVar(&special, "special", false, specialHelp)
	f.StringVar(&out, "out", "", "folder for the shards; new, or one that the same command began")
	f.Float64Var(&validation, "validation", 0.1, "share of the text for val_*.bin, as train splits it (0: none)")
	f.StringVar(&valData, "val-data", "", "text for val_*.bin; without it, a share of SRC")
	f.StringVar(&field, "field", "text", fieldHelp)
	f.StringVar(&bad, "bad-records", "error", badHelp)
	f.IntVar(&o.ShardTokens, "shard-tokens", 100_000_000, "tokens of a shard; llm.c's have as many, 200 MB")
	f.BoolVar(&verify, "verify", false, "only check the shards in --out against their SHA-256")
	f.BoolVar(&asJSON, "json", false, "print one JSON object: pack.json")
	return cmd
}

// reportPack prints what a folder of shards holds.
func reportPack(w io.Writer, dir string, x *pack.Index, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(x)
	}
	for _, s := range []struct {
		name  string
		split pack.Split
	}{{"train", x.Train}, {"val", x.Val}} {
		if len(s.split.Shards) == 0 {
			fmt.Fprintf(w, "%s: 0 tokens\n", s.name)
			continue
		}
		fmt.Fprintf(w, "%s: %s of %s of text in %s; %s, %s\n", s.name, counted(s.split.Tokens, "token"),
			counted(s.split.Bytes, "byte"), counted(s.split.Texts, "document"), counted(int64(len(s.split.Shards)), "shard"), filepath.Join(dir, s.name+"_*.bin"))
	}
	_, err := fmt.Fprintln(w, dir)
	return err
}

// packProgress reports how far packing is: a live line on a terminal, else a line every
// few seconds.
type packProgress struct {
	w     io.Writer
	live  bool
	total int64 // bytes, as they are on the disk
	began time.Time
	shown time.Time
	begun pack.Progress // what was there already
	seen  bool
	last  pack.Progress
}

func (p *packProgress) report(now pack.Progress) {
	if p.last = now; !p.seen && now.Bytes > 0 {
		p.begun, p.seen = now, true
	}
	pause := 5 * time.Second
	if p.live {
		pause = time.Second / 4
	}
	if time.Since(p.shown) >= pause && time.Since(p.began) > time.Second {
		p.line()
	}
}

func (p *packProgress) line() {
	p.shown = time.Now()
	speed := float64(p.last.Bytes-p.begun.Bytes) / 1e6 / time.Since(p.began).Seconds()
	text := fmt.Sprintf("%.1f MB, %sM tokens, %.1f MB/s", float64(p.last.Bytes)/1e6, thousands(p.last.Tokens/1e6), speed)
	if p.last.Bytes <= p.total { // unless the files are compressed
		text = fmt.Sprintf("%.0f %% of %.1f MB: ", 100*float64(p.last.Bytes)/float64(p.total), float64(p.total)/1e6) + text
	}
	if p.live {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	fmt.Fprintln(p.w, text)
}

// end leaves the last line.
func (p *packProgress) end() {
	if p.last.Bytes == p.begun.Bytes { // nothing was left to do
		return
	}
	p.line()
	if p.live {
		fmt.Fprintln(p.w)
	}
}
