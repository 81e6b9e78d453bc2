//! One policy engine: regorus, set up as Trustee does it.

use crate::depth::{too_deep, MAX_DEPTH};
use crate::text::utf8;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::Value;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const DEADLINE_MS: u32 = 10_000;
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// Where query_reference_value looks: JSON text, or None for null.
pub trait Source: Send + Sync {
    fn find(&self, name: &str) -> Result<Option<String>, String>;
}

pub enum Outcome {
    /// No policy has such a rule.
    Absent,
    /// There is a rule, but it has no value for this input.
    Undefined,
    /// JSON text.
    Value(String),
}

pub struct Engine {
    inner: regorus::Engine,
}

fn chain(e: anyhow::Error) -> String {
    e.to_string()
}

impl Engine {
    pub fn new() -> Self {
        let mut engine = Engine {
            inner: regorus::Engine::new(),
        };
        engine.inner.set_gather_prints(true); // print() of a policy: not our stderr
        engine.set_deadline(DEADLINE_MS);
        engine
    }

    pub fn set_deadline(&mut self, timeout_ms: u32) {
        if timeout_ms == 0 {
            self.inner.clear_execution_timer_config();
            return;
        }
        self.inner.set_execution_timer_config(ExecutionTimerConfig {
            limit: Duration::from_millis(timeout_ms.into()),
            check_interval: CHECK_INTERVAL,
        });
    }

    pub fn add_policy(&mut self, path: &str, text: &[u8]) -> Result<(), String> {
        let text = utf8(text)?;
        if let Some(line) = too_deep(text) {
            return Err(format!(
                "{path}:{line}: the policy nests too deep (more than {MAX_DEPTH})"
            ));
        }
        self.inner
            .add_policy(path.to_string(), text.to_string())
            .map(|_| ())
            .map_err(chain)
    }

    pub fn set_data(&mut self, json: &[u8]) -> Result<(), String> {
        let data = Value::from_json_str(utf8(json)?).map_err(chain)?;
        data.as_object().map_err(chain)?;
        self.inner.clear_data();
        self.inner.add_data(data).map_err(chain)
    }

    pub fn set_input(&mut self, json: &[u8]) -> Result<(), String> {
        self.inner.set_input_json(utf8(json)?).map_err(chain)
    }

    pub fn set_source(&mut self, source: impl Source + 'static) -> Result<(), String> {
        let source = Arc::new(source);
        let query = move |params: Vec<Value>| -> anyhow::Result<Value> {
            let name = match params.first() {
                Some(Value::String(s)) => s,
                _ => anyhow::bail!("query_reference_value extension parameter must be a string"),
            };
            match source.find(name) {
                Ok(Some(json)) => {
                    Value::from_json_str(utf8(json.as_bytes()).map_err(anyhow::Error::msg)?)
                }
                Ok(None) => Ok(Value::Null),
                Err(e) => Err(anyhow::anyhow!("Get Reference Value failed: {e}")),
            }
        };
        self.inner
            .add_extension("query_reference_value".to_string(), 1, Box::new(query))
            .map_err(chain)
    }

    pub fn eval_rule(&mut self, rule: &str) -> Result<Outcome, String> {
        let value = match self.inner.eval_rule(rule.to_string()) {
            Ok(v) => v,
            Err(e) if e.to_string().contains("not a valid rule path") => {
                return Ok(Outcome::Absent)
            }
            Err(e) => return Err(chain(e)),
        };
        if value == Value::Undefined {
            return Ok(Outcome::Undefined);
        }
        serde_json::to_string(&value)
            .map(Outcome::Value)
            .map_err(|e| e.to_string())
    }
}
