import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, hex, sameOctets, uint32 } from '#base'
import {
  consistencyProof,
  emptyRoot,
  inclusionProof,
  leafHash,
  MerkleEdge,
  nodeHash,
  rootFromInclusion,
  rootOf,
  sha256,
  verifyConsistency,
} from './mod.ts'

const SIZE_MAX = 40
const leaves = Array.from({ length: SIZE_MAX }, (_, at) => leafHash(uint32(at)))
const { nodes, roots } = grown()
const nodeAt = (level: number, index: number): Uint8Array => {
  const hash = nodes.get(`${level}/${index}`)
  assert(hash !== undefined, `node ${level}/${index} is complete`)
  return hash
}

test('trees of the Certificate Transparency reference leaves have the known roots', () => {
  const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657']
  data.push('606162636465666768696a6b6c6d6e6f')
  const known = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  const edge = new MerkleEdge()
  assert.equal(hex(edge.root()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  for (const [at, leaf] of data.entries()) {
    edge.append(leafHash(fromHex(leaf)))
    assert.equal(hex(edge.root()), known[at])
  }
})

test('the growing edge, the stored nodes and the recursive definition agree on every root', () => {
  for (let size = 0; size <= SIZE_MAX; size++) {
    const defined = treeHash(leaves.slice(0, size))
    assert.deepEqual(roots[size], defined)
    assert.deepEqual(rootOf(size, nodeAt), defined)
  }
})

test('an edge taken up again from its peaks goes on as if it had never stopped', () => {
  for (let size = 0; size < SIZE_MAX; size++) {
    const before = new MerkleEdge()
    for (const leaf of leaves.slice(0, size)) before.append(leaf)
    const after = new MerkleEdge(before.size, before.peaks)
    for (const leaf of leaves.slice(size)) after.append(leaf)
    assert.deepEqual(after.root(), roots[SIZE_MAX])
  }
  assert.throws(() => new MerkleEdge(3, [emptyRoot()]), { name: 'AssertionFailure' })
})

test('every leaf of every small tree is proven, by the path the definition gives', () => {
  for (let size = 1; size <= SIZE_MAX; size++) {
    for (let index = 0; index < size; index++) {
      const path = inclusionProof(index, size, nodeAt)
      assert.deepEqual(path, definedPath(index, leaves.slice(0, size)))
      assert.deepEqual(rootFromInclusion({ hash: leaves[index], index, size }, path), roots[size])
    }
  }
})

test('no changed proof of inclusion leads to the root', () => {
  for (let size = 1; size <= 20; size++) {
    for (let index = 0; index < size; index++) {
      const path = inclusionProof(index, size, nodeAt)
      const leadsElsewhere = (
        changed: { hash?: Uint8Array; index?: number },
        changedPath: readonly Uint8Array[] = path,
      ): void => {
        const leaf = { hash: leaves[index], index, size, ...changed }
        assert(!reaches(() => rootFromInclusion(leaf, changedPath), roots[size]))
      }
      for (const mutated of mutations(path)) leadsElsewhere({}, mutated)
      leadsElsewhere({ hash: flipped(leaves[index]) })
      for (let other = 0; other < size; other++)
        if (other !== index) leadsElsewhere({ index: other })
    }
  }
})

test('every older tree is shown to be the beginning of every newer one', () => {
  for (let second = 1; second <= SIZE_MAX; second++) {
    for (let first = 1; first <= second; first++) {
      const path = consistencyProof(first, second, nodeAt)
      assert.deepEqual(path, definedConsistency(first, leaves.slice(0, second)))
      verifyConsistency(at(first), at(second), path)
    }
    verifyConsistency({ size: 0, root: emptyRoot() }, at(second), [])
  }
  verifyConsistency(at(0), at(0), [])
})

test('no changed proof of consistency holds', () => {
  const refused = (
    first: { size: number; root: Uint8Array },
    second: { size: number; root: Uint8Array },
    path: readonly Uint8Array[],
  ): void => assert.throws(() => verifyConsistency(first, second, path), { code: 'PROOF_INVALID' })
  for (let second = 1; second <= 20; second++) {
    for (let first = 1; first <= second; first++) {
      const path = consistencyProof(first, second, nodeAt)
      for (const mutated of mutations(path)) refused(at(first), at(second), mutated)
      refused({ size: first, root: flipped(roots[first]) }, at(second), path)
      refused(at(first), { size: second, root: flipped(roots[second]) }, path)
      if (first < second) refused(at(second), at(first), path)
    }
    refused({ size: 0, root: roots[1] }, at(second), [])
    refused({ size: 0, root: emptyRoot() }, at(second), [roots[1]])
  }
})

test('sizes and hashes that are not sizes and hashes are refused, not computed with', () => {
  const refusal = { code: 'PROOF_INVALID' }
  const path = inclusionProof(1, 3, nodeAt)
  for (const index of [-1, 0.5, Number.NaN, 3, 2 ** 53]) {
    const leaf = { hash: leaves[1], index, size: 3 }
    assert.throws(() => rootFromInclusion(leaf, path), refusal, String(index))
  }
  for (const size of [0, -3, 3.5, Number.POSITIVE_INFINITY]) {
    assert.throws(() => rootFromInclusion({ hash: leaves[1], index: 1, size }, path), refusal)
    assert.throws(() => verifyConsistency({ size, root: roots[3] }, at(5), path), refusal)
  }
  // One octet moved from the sibling to the leaf: the node's 64 octets would be the same.
  const [sibling] = inclusionProof(1, 2, nodeAt)
  const shifted = Uint8Array.of(sibling[31], ...leaves[1])
  assert.deepEqual(sha256(Uint8Array.of(1), sibling.subarray(0, 31), shifted), roots[2])
  assert.throws(
    () => rootFromInclusion({ hash: shifted, index: 1, size: 2 }, [sibling.subarray(0, 31)]),
    refusal,
  )
})

test('a leaf is never taken for a node', () => {
  const [left, right] = leaves
  const forged = leafHash(Uint8Array.of(...left, ...right))
  assert(!sameOctets(forged, nodeHash(left, right)))
})

test('proofs hold in a tree of 2^40 leaves, where no small number fits any more', () => {
  const size = 2 ** 40
  const constant = (level: number): Uint8Array => {
    let hash = leaves[0]
    for (let at = 0; at < level; at++) hash = nodeHash(hash, hash)
    return hash
  }
  const root = rootOf(size + 1, (level) => constant(level))
  for (const index of [0, 2 ** 33 + 5, size - 1, size]) {
    const path = inclusionProof(index, size + 1, (level) => constant(level))
    assert.deepEqual(rootFromInclusion({ hash: leaves[0], index, size: size + 1 }, path), root)
  }
})

function at(size: number): { size: number; root: Uint8Array } {
  return { size, root: roots[size] }
}

function grown(): { nodes: Map<string, Uint8Array>; roots: Uint8Array[] } {
  const nodes = new Map<string, Uint8Array>()
  const edge = new MerkleEdge()
  const roots = [edge.root()]
  for (const leaf of leaves) {
    edge.append(leaf, (level, index, hash) => nodes.set(`${level}/${index}`, hash))
    roots.push(edge.root())
  }
  return { nodes, roots }
}

/** Each hash changed, left out, doubled or exchanged with its neighbour; a hash too many. */
function* mutations(path: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (const [at, hash] of path.entries()) {
    yield path.with(at, flipped(hash))
    yield path.toSpliced(at, 1)
    yield path.toSpliced(at, 0, hash)
    yield path.with(at, hash.subarray(1))
    if (at > 0) yield path.with(at, path[at - 1]).with(at - 1, hash)
  }
  yield [...path, leaves[0]]
}

function flipped(hash: Uint8Array): Uint8Array {
  const changed = hash.slice()
  changed[31] ^= 1
  return changed
}

function reaches(compute: () => Uint8Array, root: Uint8Array): boolean {
  try {
    return sameOctets(compute(), root)
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'PROOF_INVALID')
    return false
  }
}

/** RFC 9162 §2.1.1, as it is written. */
function treeHash(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return sha256(new Uint8Array(0))
  if (hashes.length === 1) return hashes[0]
  const k = split(hashes.length)
  return nodeHash(treeHash(hashes.slice(0, k)), treeHash(hashes.slice(k)))
}

/** RFC 9162 §2.1.3.1, as it is written. */
function definedPath(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length === 1) return []
  const k = split(hashes.length)
  return m < k
    ? [...definedPath(m, hashes.slice(0, k)), treeHash(hashes.slice(k))]
    : [...definedPath(m - k, hashes.slice(k)), treeHash(hashes.slice(0, k))]
}

/** RFC 9162 §2.1.4.1, as it is written. */
function definedConsistency(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  const sub = (m: number, hashes: readonly Uint8Array[], known: boolean): Uint8Array[] => {
    if (m === hashes.length) return known ? [] : [treeHash(hashes)]
    const k = split(hashes.length)
    return m <= k
      ? [...sub(m, hashes.slice(0, k), known), treeHash(hashes.slice(k))]
      : [...sub(m - k, hashes.slice(k), false), treeHash(hashes.slice(0, k))]
  }
  return sub(m, hashes, true)
}

function split(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1)
}
