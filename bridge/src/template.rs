//! Chat templates: minijinja set up as transformers' `_compile_jinja_template` sets up Jinja2, with limits.
//!
//! Fuel ends what loops or grows step by step, with its position. It cannot end one single operation on values that share their
//! parts (comparing lists that are nested 60 times twice over), or deep recursion of the parser: the caller runs this in a
//! process of its own with limits on memory and time.

use std::cell::{Cell, RefCell};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use minijinja_contrib::globals;

use crate::rewrite::{Edit, Source};
use crate::{filters, format, json, macros, markup, methods, percent, strftime, tags};

/// The only template of an environment.
const NAME: &str = "chat template";

/// One unit of fuel pays for an instruction or for 64 bytes that a template produces. Real templates use below 1000 a message.
/// The budget grows with the input, since its bytes are copied several times, up to a bound that keeps every render short.
const FUEL_BASE: u64 = 500_000;
const FUEL_PER_INPUT_BYTE: u64 = 20;
const FUEL_MAX: u64 = 4_000_000;

/// No model has a template of this size; parsing needs about 100 times as much memory.
const SOURCE_BYTES_MAX: usize = 1 << 20;
pub const JOINED_BYTES_MAX: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    Syntax = 1,
    Render = 2,
    Raised = 3,
    Limit = 4,
    Input = 5,
    Internal = 6,
}

/// One sentence on what is wrong, and where in the template or JSON text: line and column from 1, 0 = unknown.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub what: String,
    pub line: u32,
    pub column: u32,
}

impl Failure {
    fn new(status: Status, what: impl Into<String>) -> Failure {
        Failure { status, what: what.into(), line: 0, column: 0 }
    }

    /// minijinja panics on some numbers at the ends of their range.
    pub fn panicked() -> Failure {
        Failure::new(Status::Render, "an operation in it is out of range")
    }

    fn internal() -> Failure {
        Failure::new(Status::Internal, "the template engine failed")
    }

    fn input(what: String) -> Failure {
        Failure::new(Status::Input, what)
    }

    fn from_error(error: &Error, source: &Source) -> Failure {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), |d| format!("{}: {d}", error.kind()));
        let (status, what) = match (RAISED.take(), error.kind()) {
            (Some(message), _) => (Status::Raised, message),
            (None, ErrorKind::SyntaxError) => (Status::Syntax, error.detail().unwrap_or("syntax error").to_string()),
            (None, _) => match limit_reached(error) {
                Some(limit) => (Status::Limit, limit),
                None => (Status::Render, detail),
            },
        };
        let (line, column) = position(error, source);
        Failure { status, what, line, column }
    }
}

/// What was used up, if that is why it failed. An error inside a macro or a lazy sequence may be wrapped in others.
fn limit_reached(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(inner) = current.downcast_ref::<Error>() {
            let detail = inner.detail().unwrap_or_default();
            if inner.kind() == ErrorKind::OutOfFuel {
                return Some(if detail.is_empty() {
                    "it does too much work or makes too much text".into()
                } else {
                    detail.into()
                });
            }
            if ["recursion limit exceeded", "maximum recursion", "too large", "too long", "too many"]
                .iter()
                .any(|l| detail.contains(l))
            {
                return Some(detail.into());
            }
        }
        cause = current.source();
    }
    None
}

fn position(error: &Error, source: &Source) -> (u32, u32) {
    match error.range() {
        Some(range) => source.line_and_column(range.start),
        None => (error.line().unwrap_or(0) as u32, 0),
    }
}

thread_local! {
    // Of the render on this thread: what raise_exception said, and the time that strftime_now tells.
    static RAISED: RefCell<Option<String>> = const { RefCell::new(None) };
    static NOW: Cell<i64> = const { Cell::new(0) };
}

pub struct Input<'a> {
    pub messages: &'a str,
    pub tools: &'a str,
    pub documents: &'a str,
    pub kwargs: &'a str,
    pub bos_token: &'a str,
    pub eos_token: &'a str,
    pub now: i64,
    pub add_generation_prompt: bool,
}

impl Input<'_> {
    fn bytes(&self) -> usize {
        [self.messages, self.tools, self.documents, self.kwargs].iter().map(|text| text.len()).sum()
    }

    /// The variables of the template. Where there are no tools or documents these are None, as transformers passes them.
    fn variables(&self) -> Result<Value, Failure> {
        let mut all: Vec<(String, Value)> = vec![
            ("messages".into(), messages(self.messages)?),
            ("tools".into(), optional_array("tools", self.tools)?),
            ("documents".into(), optional_array("documents", self.documents)?),
            ("add_generation_prompt".into(), self.add_generation_prompt.into()),
        ];
        for (name, text) in [("bos_token", self.bos_token), ("eos_token", self.eos_token)] {
            if !text.is_empty() {
                all.push((name.into(), text.into()));
            }
        }
        if !self.kwargs.is_empty() {
            let kwargs = parse("kwargs", self.kwargs)?;
            if kwargs.kind() != ValueKind::Map {
                return Err(Failure::input(format!("kwargs: is a {}, wanted an object", kwargs.kind())));
            }
            for key in kwargs.try_iter().map_err(|_| Failure::internal())? {
                let value = kwargs.get_item(&key).map_err(|_| Failure::internal())?;
                all.push((key.to_string(), value));
            }
        }
        Ok(Value::from_pairs(all))
    }
}

fn parse(name: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|e| {
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        Failure { status: Status::Input, what: format!("{name}: {what}"), line: e.line() as u32, column: e.column() as u32 }
    })
}

fn optional_array(name: &str, text: &str) -> Result<Value, Failure> {
    if text.is_empty() {
        return Ok(Value::from(()));
    }
    let value = parse(name, text)?;
    match value.kind() {
        ValueKind::None => Ok(value),
        ValueKind::Seq => {
            for (i, item) in value.try_iter().map_err(|_| Failure::internal())?.enumerate() {
                if item.kind() != ValueKind::Map {
                    return Err(Failure::input(format!("{name}[{i}]: is a {}, wanted an object", item.kind())));
                }
            }
            Ok(value)
        }
        kind => Err(Failure::input(format!("{name}: is a {kind}, wanted an array of objects"))),
    }
}

fn messages(text: &str) -> Result<Value, Failure> {
    let value = optional_array("messages", text)?;
    if value.kind() != ValueKind::Seq {
        return Err(Failure::input("messages: is missing, wanted an array of {\"role\", \"content\"} objects".into()));
    }
    for (i, message) in value.try_iter().map_err(|_| Failure::internal())?.enumerate() {
        let role = message.get_attr("role").unwrap_or_default();
        if role.as_str().is_none() {
            return Err(Failure::input(format!("messages[{i}].role: is {}, wanted a string", role.kind())));
        }
        let content = message.get_attr("content").unwrap_or_default();
        if matches!(content.kind(), ValueKind::Bool | ValueKind::Number | ValueKind::Map) {
            let what = format!("messages[{i}].content: is a {}, wanted a string, an array of parts or null", content.kind());
            return Err(Failure::input(what));
        }
    }
    Ok(value)
}

fn raise_exception(state: &State, message: Value) -> Result<Value, Error> {
    let text = format::python_str(state, &message)?;
    RAISED.set(Some(text.clone()));
    Err(Error::new(ErrorKind::InvalidOperation, text))
}

fn strftime_now(state: &State, format: &str) -> Result<Value, Error> {
    state.consume_fuel(format.len() as u64)?;
    Ok(Value::from(strftime::strftime(format, NOW.get())))
}

/// `length`, where an undefined value is empty as in Jinja2.
fn length(value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(0),
        kind => value.len().ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("a {kind} has no length"))),
    }
}

fn string(state: &State, value: &Value) -> Result<Value, Error> {
    Ok(Value::from(format::python_str(state, value)?))
}

fn is_iterable(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// Jinja2 asks for a length and subscripts: strings and dicts have both.
fn is_sequence(value: &Value) -> bool {
    is_iterable(value) && (value.is_undefined() || value.len().is_some())
}

/// `escape`: markupsafe's, whatever the auto-escaping.
fn escape(state: &State, value: &Value) -> Result<Value, Error> {
    Ok(Value::from(escaped(&format::python_str(state, value)?)))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            _ => out.push(c),
        }
    }
    out
}

/// `left % right`, where minijinja could not: strings are formatted, the rest is minijinja's own.
fn modulo(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(format) = left.as_str() {
        return Ok(percent::percent(state, format, right)?.into());
    }
    let operands = Value::from_pairs([("left", left.clone()), ("right", right.clone())]);
    state.env().compile_expression("left % right")?.eval(operands)
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_debug(true); // errors carry their position
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().expect("default delimiters are valid"));
    env.set_unknown_method_callback(methods::call);
    env.set_formatter(|out, state, value| {
        let text = format::python_str(state, value)?;
        let escapes = *state.auto_escape() != AutoEscape::None && !value.is_safe();
        out.write_str(&if escapes { escaped(&text) } else { text }).map_err(Error::from)
    });
    env.add_filter("tojson", json::tojson);
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("string", string);
    env.add_filter("escape", escape);
    env.add_filter("e", escape);
    env.add_filter("int", filters::int);
    env.add_filter("float", filters::float);
    env.add_filter("wordcount", filters::wordcount);
    env.add_filter("truncate", filters::truncate);
    env.add_filter("wordwrap", filters::wordwrap);
    env.add_filter("center", filters::center_filter);
    env.add_filter("striptags", filters::striptags);
    env.add_filter("urlencode", filters::urlencode);
    env.add_filter("format", percent::filter);
    env.add_filter("_percent", modulo);
    env.add_function("_call", macros::call);
    env.add_function("cycler", |items: Rest<Value>| globals::cycler(items.0));
    env.add_function("joiner", globals::joiner);
    env.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
    env.add_test("iterable", is_iterable);
    env.add_test("sequence", is_sequence);
    env.add_function("raise_exception", raise_exception);
    env.add_function("strftime_now", strftime_now);
    env.remove_global("debug");
    env
}

/// A template whose source minijinja takes. What Jinja2 has beside is written in other words: before it is compiled where the
/// text shows it, else when minijinja stumbles over it.
struct Compiled {
    source: Source,
    changes: usize, // made because of errors
    env: Environment<'static>,
}

/// Times that a source is changed because of an error; each is a whole compilation or render of a small template.
const CHANGES_MAX: usize = 200;

impl Compiled {
    fn new(source: &str) -> Result<Compiled, Failure> {
        if source.len() > SOURCE_BYTES_MAX {
            let what = format!("it has {} bytes, more than {SOURCE_BYTES_MAX}", source.len());
            return Err(Failure::new(Status::Limit, what));
        }
        // Jinja2 reads every line end as \n
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let mut compiled = Compiled { source: Source::new(tags::rewrite_generation(source)), changes: 0, env: environment() };
        if let Some(at) = tags::too_many_operators(&compiled.source.text) {
            let (line, column) = compiled.source.line_and_column(at);
            return Err(Failure { status: Status::Limit, what: "an expression has too many operators".into(), line, column });
        }
        let mut edits = markup::edits(&compiled.source.text);
        edits.extend(macros::edits(&compiled.source.text));
        compiled.source.apply(edits);
        while let Err(error) = compiled.compile() {
            let edits = plus_edit(&error, &compiled.source.text);
            compiled.change(edits, &error)?;
        }
        Ok(compiled)
    }

    fn compile(&mut self) -> Result<(), Error> {
        self.env.add_template_owned(NAME, self.source.text.clone())
    }

    /// Changes the source where an error shows what it has beside minijinja; without edits the error is the answer.
    fn change(&mut self, edits: Option<Vec<Edit>>, error: &Error) -> Result<(), Failure> {
        let Some(edits) = edits else { return Err(Failure::from_error(error, &self.source)) };
        self.changes += 1;
        if self.changes > CHANGES_MAX {
            let (line, column) = position(error, &self.source);
            let what = format!("more than {CHANGES_MAX} places with % on strings or a unary +");
            return Err(Failure { status: Status::Limit, what, line, column });
        }
        self.source.apply(edits);
        Ok(())
    }

    fn render(&mut self, variables: &Value) -> Result<String, Failure> {
        loop {
            let template = self.env.get_template(NAME).map_err(|_| Failure::internal())?;
            let error = match template.render(variables) {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            let edits = percent_edits(&error, &self.source.text);
            self.change(edits, &error)?;
            self.compile().map_err(|e| Failure::from_error(&e, &self.source))?;
        }
    }
}

/// Takes away the unary `+` that minijinja does not know; what it does in Python to a number is nothing.
fn plus_edit(error: &Error, source: &str) -> Option<Vec<Edit>> {
    let range = error.range()?;
    let unknown = error.kind() == ErrorKind::SyntaxError && error.detail() == Some("unexpected `+`");
    (unknown && source.get(range.clone()) == Some("+")).then(|| vec![Edit::replace(range.start, 1, " ")])
}

/// Turns `left % right` into a filter where minijinja says that it cannot do it with a string.
fn percent_edits(error: &Error, source: &str) -> Option<Vec<Edit>> {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(inner) = cause.source().filter(|inner| inner.is::<Error>()) {
        cause = inner;
    }
    let error = cause.downcast_ref::<Error>()?;
    if !error.detail()?.starts_with("tried to use % operator on unsupported types string ") {
        return None;
    }
    let range = error.range()?;
    let bytes = source.get(range.clone())?.as_bytes();
    let (mut at, mut depth, mut operator) = (0, 0, None);
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                at = tags::end_of_string(bytes, at);
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'%' if depth == 0 => operator = Some(range.start + at),
            _ => {}
        }
        at += 1;
    }
    let operator = operator?;
    Some(vec![Edit::insert(range.start, "("), Edit::replace(operator, 1, ")|_percent("), Edit::insert(range.end, ")")])
}

pub fn check(source: &str) -> Result<String, Failure> {
    Compiled::new(source).map(|_| String::new())
}

pub fn render(source: &str, input: &Input) -> Result<String, Failure> {
    let mut compiled = Compiled::new(source)?;
    let variables = input.variables()?;
    compiled.env.set_fuel(Some((FUEL_BASE + FUEL_PER_INPUT_BYTE.saturating_mul(input.bytes() as u64)).min(FUEL_MAX)));
    NOW.set(input.now);
    compiled.render(&variables)
}
