//! The examples of the three platforms, on the real control plane, against the platforms' dialects as
//! `org-operator backend` serves them: from create through change, rotation and adoption to prune.

mod audit;
mod leader;
mod rockfish;
mod rockit;
mod served;
mod tyk;
