package tasks

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// json converts a value for encoding/json. It is written as by pandas' astype(str), except that times have no
// more digits than they need. It is nil if it is null, or not text, a number or a time, such as an image.
func (c parquetColumn) json(v parquet.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	switch logical := c.logical.(type) {
	case *format.DateType:
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(v.Int32())).Format(time.DateOnly), nil
	case *format.TimestampType:
		return moment(v.Int64(), logical.Unit).Format("2006-01-02 15:04:05.999999999"), nil
	case *format.TimeType:
		return moment(integer(v, true).Int64(), logical.Unit).Format("15:04:05.999999999"), nil
	case *format.DecimalType:
		return json.RawMessage(decimal(v, int(logical.Scale))), nil
	case *format.Float16Type:
		if b := v.ByteArray(); len(b) == 2 {
			return float(half(binary.LittleEndian.Uint16(b)), 32), nil
		}
	case *format.IntType:
		return json.RawMessage(integer(v, logical.IsSigned).String()), nil
	}
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean(), nil
	case parquet.Int32, parquet.Int64:
		return json.RawMessage(integer(v, true).String()), nil
	case parquet.Float:
		return float(float64(v.Float()), 32), nil
	case parquet.Double:
		return float(v.Double(), 64), nil
	case parquet.ByteArray:
		if text := v.ByteArray(); utf8.Valid(text) {
			return string(text), nil
		}
		if c.text {
			return nil, errors.New("holds bytes that are not valid UTF-8")
		}
	}
	return nil, nil
}

// integer returns an integer of 32 or 64 bits. Value.Int64 would drop the sign of one of 32 bits.
func integer(v parquet.Value, signed bool) *big.Int {
	switch {
	case v.Kind() == parquet.Int32 && signed:
		return big.NewInt(int64(v.Int32()))
	case v.Kind() == parquet.Int32:
		return big.NewInt(int64(v.Uint32()))
	case signed:
		return big.NewInt(v.Int64())
	}
	return new(big.Int).SetUint64(v.Uint64())
}

// decimal formats a decimal number, stored as an unscaled integer or as big-endian bytes.
func decimal(v parquet.Value, scale int) string {
	unscaled := new(big.Int)
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		b := v.ByteArray()
		unscaled.SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 { // two's complement
			unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	default:
		unscaled = integer(v, true)
	}
	scale = min(max(scale, 0), 1000) // limit what a file may ask for
	return new(big.Rat).SetFrac(unscaled, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
}

// moment returns the time that is n units after the start of 1970, or after midnight.
func moment(n int64, unit format.TimeUnit) time.Time {
	step := int64(time.Second)
	if unit.Value != nil {
		step = int64(unit.Value.Duration())
	}
	perSecond := int64(time.Second) / step
	seconds, rest := n/perSecond, n%perSecond
	return time.Unix(seconds, rest*step).UTC()
}

// half returns the value of a float16 (IEEE 754 binary16).
func half(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// float returns a JSON number that has a point or an exponent, or nil for NaN and infinities.
func float(x float64, bits int) any {
	if x-x != 0 {
		return nil
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-4 || a >= 1e16) {
		format = 'e'
	}
	text := strconv.FormatFloat(x, format, -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.RawMessage(text)
}
