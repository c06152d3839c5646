package tokenizer

import "io"

// Parts reads a text in parts that encode as the whole does (see Cut), each about
// size bytes long, or longer where there is no white space to cut at. It calls each
// with a part, valid until it returns, and the part's offset in the text. Memory is a
// part or two.
func Parts(r io.Reader, size int, each func(part []byte, offset int64) error) error {
	buf := make([]byte, size)
	n, offset := 0, int64(0) // bytes in buf, offset of the first
	for {
		m, err := io.ReadFull(r, buf[n:])
		n += m
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if n == 0 {
				return nil
			}
			return each(buf[:n], offset)
		}
		if err != nil {
			return err
		}
		cut := Cut(buf[:n])
		if cut == 0 {
			buf = append(buf, make([]byte, len(buf))...)
			continue
		}
		if err := each(buf[:cut], offset); err != nil {
			return err
		}
		n, offset = copy(buf, buf[cut:n]), offset+int64(cut)
		switch {
		case n > len(buf)/2:
			buf = append(buf, make([]byte, len(buf))...)
		case n < size/2:
			buf = buf[:size]
		}
	}
}
