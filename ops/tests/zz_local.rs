//! local
#![allow(missing_docs, clippy::all, reason = "local")]
use hologram_ops::fact::Facts;
use hologram_ops::*;
struct R<'a>(&'a [u8]);
impl<'a> R<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (a, b) = self.0.split_at(n);
        self.0 = b;
        a
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn f32(&mut self) -> f32 {
        f32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn bytes(&mut self) -> &'a [u8] {
        let n = self.u32() as usize;
        self.take(n)
    }
    fn s(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
    fn tensor(&mut self) -> Result<Tensor> {
        let code = self.u32() as i32;
        let rank = self.u32();
        let shape: Vec<usize> = (0..rank).map(|_| self.i64() as usize).collect();
        let b = self.bytes();
        Tensor::from_buffer(DType::from_code(code)?, shape, arrow_buffer::Buffer::from_slice_ref(b))
    }
}
fn vals(t: &Tensor) -> Vec<f64> {
    use half::{bf16, f16};
    match t.dtype() {
        DType::F32 => t.as_slice::<f32>().unwrap().iter().map(|v| *v as f64).collect(),
        DType::F64 => t.as_slice::<f64>().unwrap().to_vec(),
        DType::F16 => t.as_slice::<f16>().unwrap().iter().map(|v| v.to_f64()).collect(),
        DType::BF16 => t.as_slice::<bf16>().unwrap().iter().map(|v| v.to_f64()).collect(),
        DType::Bool => t.as_slice::<bool>().unwrap().iter().map(|v| *v as u8 as f64).collect(),
        _ => t.to_i64_vec().unwrap().iter().map(|v| *v as f64).collect(),
    }
}
#[test]
fn official() {
    let data = std::fs::read("/work/scratch/ops3/cases.bin").unwrap();
    let filter = std::env::var("CASE").unwrap_or_default();
    let mut r = R(&data);
    let reg = Registry::standard();
    let (mut pass, mut unknown, mut fail) = (0, std::collections::BTreeMap::<String, usize>::new(), 0);
    while !r.0.is_empty() {
        let (name, op, domain, version) = (r.s(), r.s(), r.s(), r.u32());
        let mut at = Attributes::new();
        let mut bad = None;
        for _ in 0..r.u32() {
            let n = r.s();
            let a = match r.take(1)[0] {
                b'f' => Attribute::Float(r.f32()),
                b'i' => Attribute::Int(r.i64()),
                b's' => Attribute::String(r.s()),
                b't' => match r.tensor() {
                    Ok(t) => Attribute::Tensor(t),
                    Err(e) => {
                        bad = Some(e);
                        Attribute::Int(0)
                    }
                },
                b'F' => {
                    let k = r.u32();
                    Attribute::Floats((0..k).map(|_| r.f32()).collect())
                }
                b'I' => {
                    let k = r.u32();
                    Attribute::Ints((0..k).map(|_| r.i64()).collect())
                }
                _ => {
                    let k = r.u32();
                    Attribute::Strings((0..k).map(|_| r.s()).collect())
                }
            };
            at.insert(n, a);
        }
        let mut list = |r: &mut R, bad: &mut Option<Error>| -> Vec<Option<Tensor>> {
            let k = r.u32();
            (0..k)
                .map(|_| {
                    if r.take(1)[0] == 0 {
                        None
                    } else {
                        match r.tensor() {
                            Ok(t) => Some(t),
                            Err(e) => {
                                *bad = Some(e);
                                None
                            }
                        }
                    }
                })
                .collect()
        };
        let ins = list(&mut r, &mut bad);
        let outs = list(&mut r, &mut bad);
        let (rtol, atol) = (r.f64(), r.f64());
        if !name.contains(&filter) && !op.contains(&filter) {
            continue;
        }
        if let Err(_) = reg.find(&domain, &op, version) {
            *unknown.entry(op).or_default() += 1;
            continue;
        }
        if let Some(e) = bad {
            println!("FAIL {name}: data {e}");
            fail += 1;
            continue;
        }
        let run = || -> std::result::Result<(), String> {
            let node = Node {
                domain: &domain,
                op: &op,
                version,
                since: 0,
                attributes: &at,
                inputs: ins.len(),
                outputs: outs.len(),
            };
            let (_, o) = reg.parse(&node).map_err(|e| format!("parse {e}"))?;
            let facts: Vec<Option<Fact>> = ins
                .iter()
                .map(|t| {
                    t.as_ref().map(|t| {
                        if t.rank() <= 1 && t.dtype().is_integer() || t.len() <= 8 {
                            Fact::constant(t.clone())
                        } else {
                            Fact::shaped(t.dtype(), t.shape().to_vec())
                        }
                    })
                })
                .collect();
            let fr: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
            let inf = o.infer(Facts(&fr)).map_err(|e| format!("infer {e}"))?;
            let v: Vec<Option<Value>> = ins.iter().map(|t| t.clone().map(Value::Tensor)).collect();
            let vr: Vec<Option<&Value>> = v.iter().map(Option::as_ref).collect();
            let got = o.evaluate(Inputs(&vr)).map_err(|e| format!("evaluate {e}"))?;
            if got.len() < outs.len() || inf.len() < outs.len() {
                return Err(format!("{} outputs {} inferred for {}", got.len(), inf.len(), outs.len()));
            }
            for (i, e) in outs.iter().enumerate() {
                let Some(e) = e else { continue };
                let g = got[i].as_tensor().map_err(|e| e.to_string())?;
                if g.dtype() != e.dtype() || g.shape() != e.shape() {
                    return Err(format!("out {i}: {}{:?} for {}{:?}", g.dtype(), g.shape(), e.dtype(), e.shape()));
                }
                if inf[i].dtype() != Some(e.dtype()) {
                    return Err(format!("out {i}: inferred {}", inf[i].ty));
                }
                match inf[i].known_shape() {
                    Some(s) if s == e.shape() => {}
                    None if ["NonMaxSuppression", "NonZero", "Unique", "Compress"].contains(&op.as_str()) => {}
                    _ => return Err(format!("out {i}: inferred {} for {:?}", inf[i].ty, e.shape())),
                }
                for (k, (a, b)) in vals(g).iter().zip(vals(e)).enumerate() {
                    let ok = a == &b || a.is_nan() && b.is_nan() || (a - b).abs() <= atol + rtol * b.abs();
                    if !ok {
                        return Err(format!("out {i}[{k}]: {a} for {b}"));
                    }
                }
            }
            Ok(())
        };
        match run() {
            Ok(()) => pass += 1,
            Err(e) => {
                fail += 1;
                println!("FAIL {name}: {e}");
            }
        }
    }
    println!("pass {pass} fail {fail}");
    if std::env::var("UNKNOWN").is_ok() {
        println!("unknown {unknown:?}");
    }
}
