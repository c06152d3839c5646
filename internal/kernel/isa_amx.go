//go:build amd64 && !noasm

package kernel

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

// amxConfigs are those of all numbers of rows.
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
