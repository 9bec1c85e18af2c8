import { newServer, patient } from './src/fhir/fixture.test.ts'
const { ask } = await newServer()
await ask('PUT /Patient/p', { body: patient('p') })
const obs = (n: number) => `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}],"text":"weight"},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2024-05-0${1 + n % 9}","valueQuantity":{"value":${n}.10,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
const cpu = (s: NodeJS.CpuUsage) => { const u = process.cpuUsage(s); return (u.user + u.system) / 1000 }
const which = process.argv[2] ?? 'both'
for (let round = 0; round < 4; round++) {
  let s = process.cpuUsage(); let t = performance.now()
  const N = 400
  for (let at = 0; at < N; at += 8) await Promise.all(Array.from({ length: 8 }, (_, i) => ask('POST /Observation', { body: obs(at + i) })))
  console.log('create', (cpu(s) / N).toFixed(3), 'ms cpu', (N / (performance.now() - t) * 1000).toFixed(0), '/s')
  s = process.cpuUsage(); t = performance.now()
  for (let at = 0; at < N; at += 8) await Promise.all(Array.from({ length: 8 }, () => ask('GET /Patient/p')))
  console.log('read', (cpu(s) / N).toFixed(3), 'ms cpu', (N / (performance.now() - t) * 1000).toFixed(0), '/s')
  s = process.cpuUsage(); t = performance.now()
  for (let at = 0; at < N; at += 8) await Promise.all(Array.from({ length: 8 }, (_, i) => ask('POST /Patient', { body: patient() })))
  console.log('create patient', (cpu(s) / N).toFixed(3), 'ms cpu', (N / (performance.now() - t) * 1000).toFixed(0), '/s')
}
