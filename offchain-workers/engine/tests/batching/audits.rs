//! Audits: what executions give is confirmed with its trace, and nothing else is.

use super::*;
use lantern_engine::Audit;

fn audit(engine: &Engine, model: &LoadedModel, job: &Job, output: &[u32], chunk: usize) -> Audit {
    let options = ExecuteOptions { prefill_chunk: chunk };
    engine
        .audit(model, &job.prompt, &job.params, output, &options, &NEVER)
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_execution_is_confirmed_and_every_other_output_refuted_where_it_differs(
        model in 0..models().len(),
        job in job(),
        chunk in 1usize..200,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..VOCAB), 4),
    ) {
        let model = &models()[model];
        let execution = job.alone(&engines()[0], model);
        let output = &execution.output_tokens;
        let JobParams::Generate(params) = job.params else { unreachable!() };
        for engine in engines() {
            prop_assert_eq!(audit(engine, model, &job, output, chunk), Audit::Confirmed(execution.clone()));
            for (index, by) in &changes {
                let index = index.index(output.len());
                let mut other = output.clone();
                other[index] = (other[index] + by) % VOCAB;
                let refuted = Audit::Refuted { index: index as u32, expected: Some(output[index]) };
                prop_assert_eq!(audit(engine, model, &job, &other, chunk), refuted);
                // Cut off there it lacks what belongs there, unless that was its end.
                let missing = Audit::Refuted { index: index as u32, expected: Some(output[index]) };
                prop_assert_eq!(audit(engine, model, &job, &output[..index], chunk), missing);
            }
            let mut longer = output.clone();
            longer.push(1);
            let over = Audit::Refuted { index: output.len() as u32, expected: None };
            prop_assert_eq!(audit(engine, model, &job, &longer, chunk), over);
            prop_assert!(output.len() <= params.max_new_tokens as usize);
        }
    }
}

#[test]
fn tokens_beyond_the_vocabulary_and_jobs_that_are_none_are_refused() {
    let (engine, model, job) = (&engines()[0], &models()[0], greedy(&[1, 2], 3));
    let options = ExecuteOptions::default();
    let audit = |params: &JobParams, output: &[u32]| {
        engine
            .audit(model, &job.prompt, params, output, &options, &NEVER)
            .map(|_| ())
    };
    assert_eq!(audit(&job.params, &[VOCAB]), Err(ParamsError::UnknownToken.into()));
    assert_eq!(audit(&JobParams::Embed, &[1]), Err(ParamsError::WrongKind.into()));
    let long = generate(700, Sampling::Greedy, &[]);
    assert_eq!(audit(&long, &[1]), Err(ParamsError::ContextExceeded.into()));
}
