//go:build amd64 && !noasm

package kernel

import (
	"errors"
	"math"
)

var amx = isa{
	name:   "amx",
	rows:   amxTile,
	cols:   amxTile,
	masked: true,
	lanes:  16,
	vec:    vectorsAVX512,
	pairs: &pairKernels{
		block: amxBlock, round: roundPairsAVX512, turnA: turnPairs16AVX512, zipB: zip32AVX512, transpose: transposePairs16AVX512,
		row: rowOfTilesAMX, finish: finishTileAVX512,
	},
}

// amxConfigs holds the configurations for all numbers of rows.
var amxConfigs = func() (all [amxTile + 1][64]byte) {
	for rows := range all {
		all[rows] = amxConfig(rows)
	}
	return all
}()

func rowOfTilesAMX(rows, blocks int, a *float32, rsa int, b *float32, next, panels int, dst *float32) {
	if config := &amxConfigs[rows][0]; rows > 16 {
		tiles32AMX(blocks, config, a, rsa, b, next, panels, dst)
	} else {
		tiles16AMX(blocks, config, a, rsa, b, next, panels, dst)
	}
}

// tryAMX multiplies two small matrices and returns an error if the result differs from that of plain Go. The
// instructions are written as bytes; if these were wrong, AMX is refused.
func tryAMX() error {
	const rows, blocks = amxTile - 3, 2
	var a [rows * blocks * amxBlock]float32
	var b [blocks * amxBlock * amxTile]float32
	for i := range a {
		a[i] = math.Float32frombits(pairOf(float32(i%7)-3, 1/float32(i+1)))
	}
	for i := range b {
		b[i] = math.Float32frombits(pairOf(float32(i%11)-5, 2/float32(i+3)))
	}
	var got, want [amxTile * amxTile]float32
	rowOfTilesAMX(rows, blocks, &a[0], blocks*amxBlock, &b[0], 0, 1, &got[0])
	rowOfTiles(rows, blocks, &a[0], blocks*amxBlock, &b[0], 0, 1, &want[0])
	if got != want {
		return errors.New("AMX computes wrong products")
	}
	return nil
}
