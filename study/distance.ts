/**
 * Rate against distance for the finite-key links of Lim 2014 and Rusca 2018, and for GYS.
 *
 * Settings are optimised at each distance, as in the papers.
 *
 * @module
 */

import { along, gysRate, limBlock, oneDecoy, ruscaBlock, twoDecoys } from './decoy-model.ts'
import { superscript } from './axis.ts'
import { lastWithKey, steps, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

function run(): StudyResult {
  const lim = [1e4, 1e5, 1e6, 1e7, 1e9].map((blockBits) => ({
    blockBits,
    curve: along(steps(0, 200, 51), twoDecoys(1e9), (km, set) => limBlock(km, blockBits, set)),
  }))
  const rusca = [1e5, 1e6, 1e7, 1e8].map((blockBits) => ({
    blockBits,
    one: along(steps(0, 80, 41), oneDecoy(1e9), (db, set) => ruscaBlock(db, blockBits, set)),
    two: along(steps(0, 80, 41), twoDecoys(1e9), (db, set) =>
      ruscaBlock(db, blockBits, set, 'lim-2014'),
    ),
  }))
  const at26 = rusca[2].one.find(({ place }) => place === 26)!
  const reach = (rate: (km: number) => number): number => lastWithKey(rate, 100, 200)
  return {
    comparisons: [
      {
        what: 'Lim 2014: reach with blocks of 10⁴',
        unit: 'km',
        ours: lim[0].curve.at(-1)!.place,
        published: 135,
        source: 'Lim et al. 2014, text',
      },
      {
        what: 'Rusca 2018: rate at 26 dB, blocks of 10⁷',
        unit: 'b/s',
        ours: at26.block.secretBitsPerSecond,
        published: 2e5,
        source: 'Rusca et al. 2018, read off the figure',
      },
      {
        what: 'Rusca 2018: one decoy over two at 26 dB, 10⁷',
        unit: '',
        ours:
          at26.block.secretBitsPerSecond /
          rusca[2].two.find(({ place }) => place === 26)!.block.secretBitsPerSecond,
        published: null,
        source: 'more than 1 below some 10⁸ bits, Rusca et al. 2018, abstract',
      },
      {
        what: 'GYS: rate at 0 km, exact single photons',
        unit: 'bit/pulse',
        ours: gysRate(0, 0.48),
        published: 2.555e-3,
        source: 'Ma et al. 2005, parameters of table I',
      },
      {
        what: 'GYS: reach, exact single photons',
        unit: 'km',
        ours: reach((km) => gysRate(km, 0.48)),
        published: 142.05,
        source: 'Ma et al. 2005, section V',
      },
      {
        what: 'GYS: reach, weak decoy 0.05 and vacuum',
        unit: 'km',
        ours: reach((km) => gysRate(km, 0.48, 0.05)),
        published: 140.55,
        source: 'Ma et al. 2005, section V',
      },
    ],
    plots: [
      {
        name: 'distance-lim-2014',
        title: 'Two decoys: secret key for each pulse against distance',
        subtitle:
          'Lim et al. 2014: detectors of 10 %, dark counts 6·10⁻⁷, afterpulses 4 %, 0.2 dB/km. ' +
          'Settings optimised at each distance; n is the block of sifted key bits.',
        x: { label: 'fibre (km)', min: 0, max: 200 },
        y: { label: 'secret key (bit per pulse)', log: true, min: 1e-9 },
        series: [
          ...lim.map(({ blockBits, curve }) => ({
            name: `n = 10${superscript(Math.log10(blockBits))}`,
            style: 'line' as const,
            points: curve.map(({ place, block }) => [place, block.secretBitsPerPulse] as const),
          })),
          {
            name: 'published reach, n = 10⁴',
            style: 'points',
            hue: 0,
            points: [[135, 1.2e-9]],
            labels: ['135 km'],
          },
        ],
      },
      {
        name: 'distance-rusca-2018',
        title: 'One decoy or two: secret key rate against loss',
        subtitle:
          'Rusca et al. 2018: 1 GHz, dark counts 10⁻⁸, errors of 1 %, dead time 100 ns; loss ' +
          'includes the detectors. Lines: one decoy; dashed: two decoys (Lim 2014) on the same link.',
        x: { label: 'loss (dB)', min: 0, max: 80 },
        y: { label: 'secret key rate (b/s)', log: true, min: 1 },
        series: [
          ...rusca.flatMap(({ blockBits, one, two }, hue) => [
            {
              name: `one decoy, n = 10${superscript(Math.log10(blockBits))}`,
              style: 'line' as const,
              hue,
              points: one.map(({ place, block }) => [place, block.secretBitsPerSecond] as const),
            },
            {
              name: `two decoys, n = 10${superscript(Math.log10(blockBits))}`,
              style: 'dashed' as const,
              hue,
              points: two.map(({ place, block }) => [place, block.secretBitsPerSecond] as const),
            },
          ]),
          { name: 'published, n = 10⁷', style: 'points', hue: 2, points: [[26, 2e5]] },
        ],
      },
      {
        name: 'distance-gys',
        title: 'Infinitely long blocks: the experiment of Gobby, Yuan and Shields',
        subtitle:
          'Ma et al. 2005: 0.21 dB/km, receiver 4.5 %, Y₀ 1.7·10⁻⁶, errors of 3.3 %, f 1.22, ' +
          'signal 0.48, half of the detections sifted.',
        x: { label: 'fibre (km)', min: 0, max: 160 },
        y: { label: 'secret key (bit per pulse)', log: true, min: 1e-8 },
        series: [
          {
            name: 'single photons known exactly',
            style: 'line',
            points: steps(0, 160, 321).map((km) => [km, gysRate(km, 0.48)]),
          },
          {
            name: 'one weak decoy and vacuum',
            style: 'dashed',
            points: steps(0, 160, 321).map((km) => [km, gysRate(km, 0.48, 0.05)]),
          },
          {
            name: 'published: at 0 km, and reach',
            style: 'points',
            hue: 0,
            points: [
              [0, 2.555e-3],
              [142.05, 1.2e-8],
            ],
          },
        ],
      },
    ],
    remarks: [
      'Lim 2014 prints η_ch in the error term; η_sys stands here, without which 10⁴ gives no key',
      'the settings of the papers were not published point by point: both sides optimise their own',
    ],
  }
}
