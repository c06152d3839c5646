package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

func newPack() *cobra.Command {
	var p packing
	cmd := &cobra.Command{
		Use:   "pack --out DIR SRC",
		Short: "Encode a corpus into token shards",
		Long: `Encode a corpus into token shards, llm.c's .bin files, which training reads without
tokenizing anything.

SRC is what train --data accepts: a file, a folder, a glob, JSON lines, Parquet, or go.
Each document is followed by the end-of-text token. DIR gets train_*.bin, val_*.bin,
pack.json with the SHA-256 of each, and tokenizer/. All processors encode. After an
interruption, or once a text that could not be read has been repaired, the same command
resumes; when the shards are complete, it checks them, against the text too.

On many machines, run --shard 0/16 to --shard 15/16 as an array of jobs, in any order and
on any machines that see SRC and DIR. --join then makes the same files, byte for byte, and
removes the parts. gorgpt-beam (beam/ in the source) does both on Apache Beam.

Standard output has a line each for training and validation, and DIR last.`,
		Example: `  gorgpt pack --tokenizer gpt2 --out packed 'books/*.txt'
  gorgpt train --data packed
  gorgpt pack --out packed --verify
  sbatch --array=0-15 --wrap 'gorgpt pack --shard $SLURM_ARRAY_TASK_ID/16 --out packed books'
  gorgpt pack --out packed --join`,
		Args: command.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.check(args, cmd.Flags().Changed); err != nil {
				return err
			}
			switch {
			case p.verify:
				return p.check256(cmd.OutOrStdout())
			case p.join:
				x, err := pack.Join(cmd.Context(), p.out)
				if err != nil {
					return err
				}
				return reportPack(cmd.OutOrStdout(), p.out, x, p.asJSON)
			}
			p.text.Data = args[0]
			return p.run(cmd.Context(), cmd.Flags().Changed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	p.settings().Flags(f)
	return cmd
}

// packing holds the arguments of pack.
type packing struct {
	kind, out       string
	text            corpus.Spec
	shardTokens     int
	special, verify bool
	join, asJSON    bool
	shard           string // as in 3/16
}

func (p *packing) settings() setting.List {
	return setting.List{
		setting.New("tokenizer", &p.kind, "gpt2", tokenizer.Names, func(_, kind string) error { return tokenizer.CheckName(kind) }),
		setting.New("special", &p.special, false, run.SpecialHelp),
		setting.New("out", &p.out, "", "folder for the shards, a new one or one that the same command began"),
		setting.New("validation", &p.text.Validation, 0.1, "share of the text for val_*.bin, split off as in train (0: none)",
			setting.Where(func(x float64) bool { return x >= 0 && x < 1 }, "a share from 0 to below 1")),
		setting.New("val-data", &p.text.ValData, "", "text for val_*.bin, instead of a share of SRC"),
		setting.New("field", &p.text.Field, "text", run.FieldHelp),
		setting.New("bad-records", &p.text.BadRecords, "error", run.BadHelp, setting.OneOf("treatment of bad records", corpus.BadRecords...)),
		setting.New("shard-tokens", &p.shardTokens, 100_000_000, "tokens per shard; the default is llm.c's, 200 MB",
			setting.Where(func(n int) bool { return n >= 1 && n <= shard.MaxTokens }, fmt.Sprint("1 to ", shard.MaxTokens))),
		setting.New("shard", &p.shard, "", "encode only this share of SRC, as in 3/16, the fourth of sixteen, for --join; the first, 0/16, also saves the tokenizer",
			func(_, text string) error {
				_, _, err := parseShard(text)
				return err
			}),
		setting.New("join", &p.join, false, "only join into shards what all jobs with --shard left in --out"),
		setting.New("verify", &p.verify, false, "only check the shards in --out against their SHA-256, or before --join the parts"),
		setting.New("json", &p.asJSON, false, "print one JSON object: pack.json, or with --shard its manifest"),
	}
}

// check checks the arguments before anything is read.
func (p *packing) check(args []string, given func(flag string) bool) error {
	encoding := []string{"tokenizer", "special", "validation", "val-data", "shard-tokens", "field", "bad-records", "shard"}
	err := setting.NoneIdle(given,
		setting.Idle{Holds: p.verify, Settings: append(encoding, "join"), With: "--verify, which only reads --out"},
		setting.Idle{Holds: p.join, Settings: encoding, With: "--join, which takes it from what --shard left in --out"},
		setting.Idle{Holds: p.text.ValData != "", Settings: []string{"validation"}, With: "--val-data, which names the validation text"},
	)
	switch {
	case err != nil:
		return err
	case p.out == "":
		return usage.Errorf("--out is missing: the folder for the shards")
	case p.verify && len(args) > 0:
		return usage.Errorf("--verify checks what is in --out; leave out %s", args[0])
	case p.join && len(args) > 0:
		return usage.Errorf("--join takes what --shard left in --out; leave out %s", args[0])
	case !p.verify && !p.join && len(args) == 0:
		return usage.Errorf("SRC is missing: the text to encode")
	}
	return p.settings().Validate()
}

// parseShard parses the value of --shard. If it is empty, n is 0.
func parseShard(text string) (i, n int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	first, second, _ := strings.Cut(text, "/")
	i, err = strconv.Atoi(first)
	if err == nil {
		n, err = strconv.Atoi(second)
	}
	if err != nil || pack.CheckSlice(i, n) != nil {
		return 0, 0, usage.Errorf("--shard %s: want a number from 0 and how many there are, as in 3/16, the fourth of sixteen", text)
	}
	return i, n, nil
}

// check256 checks the shards against their SHA-256.
func (p *packing) check256(stdout io.Writer) error {
	if err := pack.Verify(p.out); err != nil {
		return err
	}
	x, err := pack.Read(p.out)
	if err != nil {
		return err
	}
	return reportPack(stdout, p.out, x, p.asJSON)
}

// run encodes the corpus, or a share of it.
func (p *packing) run(ctx context.Context, given func(name string) bool, stdout, stderr io.Writer) error {
	text, err := corpus.Open(p.text)
	if err != nil {
		if split, is := errors.AsType[*corpus.SplitError](err); is {
			return fmt.Errorf("%w, or --validation 0", split)
		}
		return err
	}
	if err := run.CheckText(text, given); err != nil {
		return err
	}
	tok, err := tokenizer.Find(p.kind, text.Texts(false))
	if err != nil {
		return err
	}
	if p.special {
		tok = tokenizer.ReadSpecial(tok)
	}
	fmt.Fprintln(stderr, text)
	training, validation := text.Parts()
	learn, check := training[0], (*datasets.Source)(nil)
	progress := &packProgress{w: stderr, live: train.IsTerminal(stderr), began: time.Now(), total: learn.Size()}
	if len(validation) > 0 {
		check = validation[0]
		progress.total += check.Size()
	}
	options := pack.Options{ShardTokens: p.shardTokens, Progress: progress.report}
	i, n, err := parseShard(p.shard)
	if err != nil {
		return err
	}
	var x *pack.Index
	var m *pack.Manifest
	if n > 0 {
		m, err = pack.PackShard(ctx, p.out, learn, check, tok, i, n, options)
	} else {
		x, err = pack.Pack(ctx, p.out, learn, check, tok, options)
	}
	progress.end()
	if skipped := text.Skipped(); skipped != "" {
		fmt.Fprintln(stderr, skipped)
	}
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(stderr, "stopped; run the same command again to continue from the complete parts")
		}
		return err
	}
	if m != nil {
		return reportShard(stdout, p.out, m, p.asJSON)
	}
	if check != nil && x.Val.Tokens == 0 {
		fmt.Fprintln(stderr, "no text was held out for validation: name one with --val-data, or give a larger share with --validation")
	}
	return reportPack(stdout, p.out, x, p.asJSON)
}

// reportShard prints the parts that were made of a share of a corpus.
func reportShard(w io.Writer, dir string, m *pack.Manifest, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(m)
	}
	var tokens, bytes int64
	for _, p := range m.Parts {
		tokens, bytes = tokens+p.Tokens, bytes+p.Bytes
	}
	_, err := fmt.Fprintf(w, "shard %d/%d: %s from %s of text in %s, out of %d in the corpus\n%s\n", m.Slice, m.Of, plural.Counted(tokens, "token"),
		plural.Counted(bytes, "byte"), plural.Counted(int64(len(m.Parts)), "part"), m.ValItems+m.TrainItems, dir)
	return err
}

// reportPack prints what a folder of shards contains.
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
		fmt.Fprintf(w, "%s: %s from %s of text in %s; %s, %s\n", s.name, plural.Counted(s.split.Tokens, "token"),
			plural.Counted(s.split.Bytes, "byte"), plural.Counted(s.split.Texts, "document"), plural.Counted(int64(len(s.split.Shards)), "shard"), store.Join(dir, s.name+"_*.bin"))
	}
	_, err := fmt.Fprintln(w, dir)
	return err
}

// packProgress reports the progress of packing: on a terminal in one line that is updated, otherwise in a
// line every few seconds.
type packProgress struct {
	w     io.Writer
	live  bool
	total int64 // bytes on disk
	began time.Time
	shown time.Time
	begun pack.Progress // done by earlier runs
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
	text := fmt.Sprintf("%.1f MB, %s tokens, %.1f MB/s", float64(p.last.Bytes)/1e6, plural.Thousands(p.last.Tokens), speed)
	if p.last.Bytes <= p.total { // unless the files are compressed
		text = fmt.Sprintf("%.0f %% of %.1f MB: ", 100*float64(p.last.Bytes)/float64(p.total), float64(p.total)/1e6) + text
	}
	if p.live {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	fmt.Fprintln(p.w, text)
}

// end prints the last line.
func (p *packProgress) end() {
	if p.last.Bytes == p.begun.Bytes { // nothing was left to do
		return
	}
	p.line()
	if p.live {
		fmt.Fprintln(p.w)
	}
}
